"""An address that takes the connection and then does not speak costs a quarter of a second, and not the call.

Whoever does speak, and is not the server, is told as what they are: they are not passed over for the next address.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.calls import api_at
from support.silent import at_port, mute_addresses, name_first, refusing_address, silent_addresses
from support.tls_peers import (
    Peer,
    issued,
    pin_of,
    plain_peer,
    resetting,
    saying,
    self_signed,
    tls_peer,
    tunnelling,
    tunnelling_inside,
)
from support.world import PATIENT, World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import CertificateUntrusted, PinMismatch, RocketVPNError, ServerTimeout, ServerUnreachable
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import racing, tls_context

pytestmark = pytest.mark.usefixtures("no_pauses")

Contexts = Callable[..., ssl.SSLContext]


def from_file(trust: Path, **more: Any) -> ssl.SSLContext:
    return tls_context(trust=trust, **more)


def from_system(trust: Path, **more: Any) -> ssl.SSLContext:
    context = tls_context(**more)
    context.load_verify_locations(cafile=trust)
    return context


both_stores = pytest.mark.parametrize("make", [from_file, from_system])


@pytest.fixture
def peer(ca: trustme.CA) -> Iterator[Peer]:
    with tls_peer(issued(ca)) as peer:
        yield peer


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def ports(went: list[Any]) -> list[int]:
    return [port for _, port in went]


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next address wait until the one before has failed: what answers is never too slow for a busy machine."""
    monkeypatch.setattr(racing, "STAGGER", 60.0)


def ask(url: str, context: ssl.SSLContext, **more: Any) -> str:
    """Make a call without identity; return the outcome that the ledger has."""
    with closing(api_at(url, context, **more)) as api:
        try:
            api.call("server.keys", answer=dict)
        finally:
            outcome = [entry.outcome for entry in api.sent.entries()][-1]
    return outcome


# ---------------------------------------------------------------- silence is passed over


def test_a_device_binds_although_three_addresses_never_speak(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with mute_addresses(3) as mute:
        went = name_first(monkeypatch, mute)
        with RocketVPN.open(world.config()) as rocket:
            rocket.device.bind(world.sandbox.order())
            good = port_of(world.sandbox.url)
            assert ports(went)[:4] == [*(each[4][1] for each in mute), good]
            rocket.network_changed()
            assert rocket.device.order().state == "active"
            del went[:]
            patient(monkeypatch)
            rocket.policy.check()  # a connection for each file
            assert set(ports(went)) == {good}, "what answered comes first from then on"


@both_stores
def test_all_kinds_of_silence_at_once(peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch, make: Contexts) -> None:
    with mute_addresses(2) as mute, silent_addresses(1) as silent:
        went = name_first(monkeypatch, [mute[0], refusing_address(), *silent, mute[1]])
        assert ask(peer.url, make(trust)) == "200"
    assert len(went) == 5
    assert peer.handshakes == ["ok"]


@pytest.mark.parametrize("said", [b"\x16\x03\x03\x00\x7a\x02", b"\x16"], ids=["half a hello", "a byte"])
def test_attack_half_a_handshake_holds_nobody(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    waiting = threading.Event()

    def talk(raw: socket.socket) -> None:
        raw.sendall(said)
        waiting.wait(60)

    with plain_peer(talk) as half:
        name_first(monkeypatch, [at_port(half.port)])
        assert ask(peer.url, tls_context(trust=trust)) == "200"
        waiting.set()


@pytest.mark.parametrize("talk", [resetting, lambda raw: None], ids=["reset", "ended"])
def test_an_address_that_cuts_the_handshake_is_followed_by_the_next(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch, talk: Callable[[socket.socket], None]
) -> None:
    with plain_peer(talk) as cutting:
        went = name_first(monkeypatch, [at_port(cutting.port)])
        assert ask(peer.url, tls_context(trust=trust)) == "200"
    assert ports(went) == [cutting.port, port_of(peer.url)]


@pytest.mark.clause("T1")
def test_attack_who_loses_the_race_saw_a_handshake_and_nothing_else(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest: list[bytes] = []
    with plain_peer(lambda raw: rest.append(raw.recv(65536))) as listening:
        name_first(monkeypatch, [at_port(listening.port)])
        assert ask(peer.url, tls_context(trust=trust)) == "200"
    (hello,) = listening.heard
    assert hello[:2] == b"\x16\x03", "a ClientHello"
    assert len(hello) == 5 + int.from_bytes(hello[3:5]), "and no byte more"
    assert rest == [b""], "it was closed"


def test_where_nobody_speaks_the_call_ends_within_its_time(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mute_addresses(6) as mute:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: mute)
        with pytest.raises(ServerTimeout) as caught:
            ask(peer.url, tls_context(trust=trust), limits=Limits(connect_timeout=3_600.0, total_timeout=0.6))
    assert caught.value.cause == "network"


def test_an_address_that_does_not_speak_has_its_own_time(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mute_addresses(1) as mute:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: mute)
        limits = Limits(connect_timeout=0.05, total_timeout=3_600.0, retry_attempts=2)
        with pytest.raises(ServerTimeout) as caught:
            ask(peer.url, tls_context(trust=trust), limits=limits)
    assert caught.value.cause == "network"


def test_closing_ends_a_call_whose_server_does_not_speak(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Event()

    def talk(raw: socket.socket) -> None:
        heard.set()
        raw.recv(65536)

    with plain_peer(talk) as mute, ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [at_port(mute.port)])
        rocket = RocketVPN.open(world.config(limits=PATIENT))
        call = pool.submit(rocket.ask_server)
        assert heard.wait(60)
        rocket.close()
        assert isinstance(call.exception(60), RocketVPNError)


# ---------------------------------------------------------------- an answer is not


def portal(raw: socket.socket) -> None:
    raw.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n")


@contextmanager
def somebody_else(kind: str, ca: trustme.CA, folder: Path) -> Iterator[int]:
    """Yield the port of one who answers in the server's place."""
    if kind == "portal":
        with plain_peer(portal) as plain:
            yield plain.port
        return
    configure = {
        "self-signed": lambda: self_signed(folder),
        "another authority": lambda: issued(trustme.CA()),
        "another host": lambda: issued(ca, "evil.example"),
        "another key": lambda: issued(ca),
        "older TLS": lambda: issued(ca),
    }[kind]()
    newest = ssl.TLSVersion.TLSv1_2 if kind == "older TLS" else ssl.TLSVersion.TLSv1_3
    with tls_peer(configure, newest=newest) as other:
        yield port_of(other.url)
        assert bytes(other.received) == b""


ANSWERS: dict[str, tuple[type[RocketVPNError], str]] = {
    "self-signed": (CertificateUntrusted, "interception"),
    "another authority": (CertificateUntrusted, "interception"),
    "another host": (CertificateUntrusted, "wrong_host"),
    "another key": (PinMismatch, "interception"),
    "older TLS": (ServerUnreachable, "server"),
    "portal": (ServerUnreachable, "captive_portal"),
}


@pytest.mark.clause("T1")
@both_stores
@pytest.mark.parametrize("kind", ANSWERS)
def test_attack_who_answers_in_the_servers_place_is_told_and_not_passed_over(
    ca: trustme.CA, trust: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Contexts, kind: str
) -> None:
    """It stands between an address where nobody is and the server itself, which nobody asks then."""
    patient(monkeypatch)
    leaf = ca.issue_cert("localhost")
    pins = [pin_of(leaf.cert_chain_pems[0].bytes()), "sha256/" + "A" * 43 + "="]
    with somebody_else(kind, ca, tmp_path) as port, tls_peer(leaf.configure_cert) as server:
        name_first(monkeypatch, [refusing_address(), at_port(port)])
        error, cause = ANSWERS[kind]
        with pytest.raises(error) as caught:
            ask(server.url, make(trust, pins=pins))
        assert caught.value.cause == cause
        assert server.connections == 0
        name_first(monkeypatch, [refusing_address()])
        assert ask(server.url, make(trust, pins=pins)) == "200", "the pin is the server's own"


# ---------------------------------------------------------------- proxies


def test_a_proxy_host_some_of_whose_addresses_never_speak(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mute_addresses(2) as mute, plain_peer(tunnelling(peer.url)) as proxy:
        went = name_first(monkeypatch, mute)
        assert ask(peer.url, tls_context(trust=trust), proxy=f"http://proxy.example:{proxy.port}") == "200"
        assert ports(went)[:3] == [*(each[4][1] for each in mute), proxy.port]
        assert proxy.heard[0].startswith(b"CONNECT localhost:")


def test_the_same_with_tls_to_the_proxy(
    peer: Peer, ca: trustme.CA, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = tunnelling_inside(peer.url)
    with mute_addresses(2) as mute, tls_peer(issued(ca, "proxy.example"), serve=serve) as proxy:
        went = name_first(monkeypatch, mute)
        more: dict[str, Any] = {"proxy_context": lambda: tls_context(trust=trust)}
        url = f"https://proxy.example:{port_of(proxy.url)}"
        assert ask(peer.url, tls_context(trust=trust), proxy=url, **more) == "200"
        assert ports(went)[:3] == [*(each[4][1] for each in mute), port_of(proxy.url)]


@pytest.mark.parametrize("talk", [resetting, lambda raw: None], ids=["reset", "ended"])
def test_a_proxy_that_cuts_is_followed_by_its_next_address(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch, talk: Callable[[socket.socket], None]
) -> None:
    with plain_peer(talk) as cutting, plain_peer(tunnelling(peer.url)) as proxy:
        name_first(monkeypatch, [at_port(cutting.port)])
        assert ask(peer.url, tls_context(trust=trust), proxy=f"http://proxy.example:{proxy.port}") == "200"


def test_attack_a_proxy_that_says_no_is_told_and_not_passed_over(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    no = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with plain_peer(saying(no)) as refusing, plain_peer(tunnelling(peer.url)) as proxy:
        name_first(monkeypatch, [at_port(refusing.port)])
        with pytest.raises(ServerUnreachable, match="name and a password"):
            ask(peer.url, tls_context(trust=trust), proxy=f"http://proxy.example:{proxy.port}")
        assert proxy.heard == []


def test_a_proxy_that_never_speaks_is_the_proxys_fault_and_nothing_was_sent(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(connect_timeout=3_600.0, read_timeout=3_600.0, write_timeout=3_600.0, total_timeout=0.3)
    with (
        mute_addresses(1) as mute,
        closing(
            api_at(peer.url, tls_context(trust=trust), limits=limits, proxy=f"http://127.0.0.1:{mute[0][4][1]}")
        ) as api,
    ):
        with pytest.raises(ServerTimeout) as caught:
            api.call("server.keys", answer=dict)
        assert [entry.outcome for entry in api.sent.entries()] == ["not delivered: server-timeout"]
    assert caught.value.cause == "proxy"
