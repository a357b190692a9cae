"""Someone between the device and the server: what they see is a handshake and nothing else."""

from __future__ import annotations

import datetime
import os
import select
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from support.calls import api_at
from support.systems import become
from support.tls_peers import Peer, issued, pin_of, resetting, self_signed, tls_peer

from rocketvpn_sdk.errors import CertificateUntrusted, PinMismatch, RocketVPNError, ServerError, ServerUnreachable
from rocketvpn_sdk.transport import tls_context

pytestmark = pytest.mark.usefixtures("no_pauses")

OTHER = "sha256/" + "A" * 43 + "="


def ask(peer: Peer, context: ssl.SSLContext) -> str:
    """Make a call without identity; return the outcome that the ledger has."""
    api = api_at(peer.url, context)
    try:
        api.call("server.keys", answer=dict)
    finally:
        outcome = [entry.outcome for entry in api.sent.entries()][-1]
        api.close()
    return outcome


def stopped(peer: Peer, context: ssl.SSLContext, kind: type[RocketVPNError]) -> RocketVPNError:
    """Check that the call fails with ``kind`` and that not one byte of it arrived."""
    with pytest.raises(kind) as caught:
        ask(peer, context)
    assert bytes(peer.received) == b""
    return caught.value


Contexts = Callable[..., ssl.SSLContext]


def from_file(trust: Path, **more: object) -> ssl.SSLContext:
    return tls_context(trust=trust, **more)  # type: ignore[arg-type] # given by name


def from_system(trust: Path, **more: object) -> ssl.SSLContext:
    """As where the CA is in the operating system's store."""
    context = tls_context(**more)  # type: ignore[arg-type] # given by name
    context.load_verify_locations(cafile=trust)
    return context


both_stores = pytest.mark.parametrize("make", [from_file, from_system])


# ---------------------------------------------------------------- what must work


def test_a_server_that_vouches_for_itself_is_reached_where_it_is_the_one_to_trust(tmp_path: Path) -> None:
    """Its certificate is no authority's; the file has it between others, and once in OpenSSL's own form."""
    configure = self_signed(tmp_path)
    own = (tmp_path / "self-signed.pem").read_text()
    made = tmp_path / "trusted.pem"
    command = ["openssl", "x509", "-in", tmp_path / "self-signed.pem", "-trustout", "-addtrust", "serverAuth"]
    for form in (own, subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout):
        made.write_text(f"# Zertifizierungsstellen für alle\n{trustme.CA().cert_pem.bytes().decode()}{form}")
        with tls_peer(configure) as peer:
            assert ask(peer, tls_context(trust=made)) == "200"


@both_stores
def test_a_good_server_is_reached(ca: trustme.CA, trust: Path, make: Contexts) -> None:
    with tls_peer(issued(ca)) as peer:
        assert ask(peer, make(trust)) == "200"
        assert peer.received.startswith(b"GET /v1/keys HTTP/1.1\r\n")


@both_stores
@pytest.mark.parametrize("which", ["leaf", "intermediate", "root"])
def test_any_key_of_the_verified_chain_may_be_pinned(trust: Path, ca: trustme.CA, make: Contexts, which: str) -> None:
    middle = ca.create_child_ca()
    leaf = middle.issue_cert("localhost")
    pems = {"leaf": leaf.cert_chain_pems[0], "intermediate": middle.cert_pem, "root": ca.cert_pem}
    with tls_peer(leaf.configure_cert) as peer:
        assert ask(peer, make(trust, pins=[pin_of(pems[which].bytes()), OTHER])) == "200"


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_where_the_system_verifies_the_server_s_own_key_alone_may_be_pinned(
    trust: Path, ca: trustme.CA, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not say which chain it built; with a file of our own, OpenSSL does."""
    become(monkeypatch, system)
    leaf = ca.issue_cert("localhost")
    own, root = ([pin_of(pem.bytes()), OTHER] for pem in (leaf.cert_chain_pems[0], ca.cert_pem))
    with tls_peer(leaf.configure_cert) as peer:
        assert ask(peer, from_system(trust, pins=own)) == "200"
        assert ask(peer, from_file(trust, pins=root)) == "200"
    with tls_peer(leaf.configure_cert) as peer:
        stopped(peer, from_system(trust, pins=root), PinMismatch)


# ---------------------------------------------------------------- what must not


@pytest.mark.clause("T1")
@both_stores
def test_a_wrong_pin_sends_not_one_byte(ca: trustme.CA, trust: Path, make: Contexts) -> None:
    with tls_peer(issued(ca)) as peer:
        error = stopped(peer, make(trust, pins=[OTHER, OTHER.replace("AAA", "AAB", 1)]), PinMismatch)
        assert peer.connections == 1, "a wrong pin is not tried again"
    assert error.params == {"host": "localhost", "cause": "interception"}
    assert "nothing was sent" in str(error)


@pytest.mark.clause("T1")
@both_stores
def test_a_forged_certificate_of_a_trusted_ca_does_not_pass_the_pin(
    ca: trustme.CA, trust: Path, make: Contexts
) -> None:
    """A CA that the device trusts was made to sign for our name: the chain is valid, the key is another."""
    genuine = [pin_of(ca.issue_cert("localhost").cert_chain_pems[0].bytes()) for _ in range(2)]
    with tls_peer(issued(ca)) as peer:
        stopped(peer, make(trust, pins=genuine), PinMismatch)


@pytest.mark.clause("T1")
@both_stores
def test_a_pinned_certificate_merely_sent_along_does_not_count(
    trust: Path, ca: trustme.CA, make: Contexts, tmp_path: Path
) -> None:
    """The attacker appends the genuine certificate to a chain of his own: it is presented, and not verified."""
    genuine = trustme.CA().cert_pem.bytes()
    forged = ca.issue_cert("localhost")
    path = tmp_path / "chain.pem"
    path.write_bytes(forged.private_key_pem.bytes() + forged.cert_chain_pems[0].bytes() + genuine)
    with tls_peer(lambda context: context.load_cert_chain(path)) as peer:
        stopped(peer, make(trust, pins=[pin_of(genuine), OTHER]), PinMismatch)


@pytest.mark.clause("T1")
@both_stores
def test_self_signed(trust: Path, tmp_path: Path, make: Contexts) -> None:
    with tls_peer(self_signed(tmp_path)) as peer:
        error = stopped(peer, make(trust), CertificateUntrusted)
        assert peer.connections == 1
    assert "self-signed certificate" in str(error)


@pytest.mark.clause("T1")
@both_stores
def test_self_signed_is_not_saved_by_its_own_pin(trust: Path, tmp_path: Path, make: Contexts) -> None:
    with tls_peer(self_signed(tmp_path)) as peer:
        pem = (tmp_path / "self-signed.pem").read_bytes().partition(b"-----BEGIN PRIVATE")[0]
        stopped(peer, make(trust, pins=[pin_of(pem), OTHER]), CertificateUntrusted)


@pytest.mark.clause("T1")
@both_stores
def test_an_unknown_ca(trust: Path, make: Contexts) -> None:
    with tls_peer(issued(trustme.CA())) as peer:
        stopped(peer, make(trust), CertificateUntrusted)


@pytest.mark.clause("T1")
@both_stores
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1"])
def test_a_certificate_for_another_host(ca: trustme.CA, trust: Path, make: Contexts, host: str) -> None:
    with tls_peer(issued(ca, host)) as peer:
        error = stopped(peer, make(trust), CertificateUntrusted)
    assert "ostname mismatch" in str(error)


@pytest.mark.clause("T1")
@both_stores
def test_a_wrong_host_is_not_saved_by_the_right_pin(ca: trustme.CA, trust: Path, make: Contexts) -> None:
    with tls_peer(issued(ca, "evil.example")) as peer:
        stopped(peer, make(trust, pins=[pin_of(ca.cert_pem.bytes()), OTHER]), CertificateUntrusted)


@pytest.mark.clause("T1")
@both_stores
def test_an_expired_certificate(ca: trustme.CA, trust: Path, make: Contexts) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    with tls_peer(issued(ca, not_after=past)) as peer:
        error = stopped(peer, make(trust), CertificateUntrusted)
    assert "expired" in str(error)


@pytest.mark.clause("T1")
@both_stores
def test_a_downgrade_to_tls_1_2(ca: trustme.CA, trust: Path, make: Contexts) -> None:
    with tls_peer(issued(ca), newest=ssl.TLSVersion.TLSv1_2) as peer:
        stopped(peer, make(trust), ServerUnreachable)
        assert peer.connections == 1
        assert ask(peer, make(trust, allow_tls12=True)) == "200"


@pytest.mark.clause("T1")
def test_a_ca_of_the_system_is_not_trusted_where_a_file_was_given(trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = trustme.CA()
    path = trust.with_name("system.pem")
    system.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with tls_peer(issued(system)) as peer:
        stopped(peer, from_file(trust), CertificateUntrusted)


@pytest.mark.clause("T1")
@both_stores
def test_the_environment_redirects_nothing_and_records_nothing(
    ca: trustme.CA, trust: Path, make: Contexts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    secrets = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(secrets))
    with tls_peer(issued(ca)) as peer:
        assert ask(peer, make(trust)) == "200"
    assert not secrets.exists()


@pytest.mark.clause("T1")
@both_stores
def test_calls_without_identity_share_no_connection_and_resume_no_session(
    ca: trustme.CA, trust: Path, make: Contexts
) -> None:
    with tls_peer(issued(ca)) as peer:
        api = api_at(peer.url, make(trust))
        for _ in range(3):
            api.call("server.keys", answer=dict)
        api.close()
        assert peer.connections == 3
        assert peer.resumed == [False] * 3


# ---------------------------------------------------------------- behind a good certificate


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02garbage\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: https://localhost:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    ],
    ids=["noise", "version", "length", "lengths", "chunk", "header", "size", "gzip", "redirect", "html"],
)
def test_garbage_from_server(ca: trustme.CA, trust: Path, content: bytes) -> None:
    def serve(connection: ssl.SSLSocket, _: object) -> None:
        connection.sendall(content)
        raise OSError  # which ends the connection

    with tls_peer(issued(ca), serve=serve) as peer, pytest.raises(ServerError):
        ask(peer, from_file(trust))


def test_server_down(trust: Path, ca: trustme.CA) -> None:
    with tls_peer(issued(ca)) as peer:
        pass
    with pytest.raises(ServerUnreachable, match="refused"):
        ask(peer, from_file(trust))


def test_a_proxy_that_answers_in_the_servers_place_gets_nothing(ca: trustme.CA, trust: Path) -> None:
    """The proxy sees a CONNECT with the server's name; its own certificate ends the handshake inside."""
    with tls_peer(issued(ca)) as peer:
        api = api_at(peer.url, from_file(trust), proxy="http://127.0.0.1:9")
        with pytest.raises(ServerUnreachable):
            api.call("server.keys", answer=dict)
        api.close()
        assert peer.connections == 0


# ---------------------------------------------------------------- between TCP and TLS


@contextmanager
def severed(with_reset: bool) -> Iterator[socket.socket]:
    """Yield a connection whose other side is gone before TLS began; it knows already."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as sock:
        other, _ = listener.accept()
        if with_reset:
            resetting(other)
        other.close()
        assert select.select([sock], [], [], 5)[0], "the end of the connection never arrived"
        yield sock


@pytest.mark.clause("T1")
@pytest.mark.parametrize("with_reset", [True, False], ids=["reset", "ended"])
@both_stores
def test_attack_cut_between_tcp_and_tls(trust: Path, make: Contexts, with_reset: bool) -> None:
    """No descriptor stays open, whatever ssl does with a connection that is none any more."""
    with severed(with_reset) as sock:
        number = sock.fileno()
        with pytest.raises(OSError, match=r"(?i)cut|reset|EOF"):
            make(trust).wrap_socket(sock, server_hostname="localhost")
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


@pytest.mark.clause("T1")
@both_stores
def test_attack_nothing_leaves_before_the_handshake(trust: Path, make: Contexts) -> None:
    """A connection without TLS on it yet neither sends nor reads: ssl itself would do both in the clear."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for does in ("send", "receive"):
            sock = socket.create_connection(listener.getsockname())
            with listener.accept()[0] as other:
                early = make(trust).wrap_socket(sock, server_hostname="localhost", do_handshake_on_connect=False)
                if does == "send":
                    with pytest.raises(ConnectionResetError, match="before TLS"):
                        early.send(b"GET / HTTP/1.1\r\n\r\n")
                    assert other.recv(64) == b"", "the connection ended, and nothing came"
                else:
                    other.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    with pytest.raises(ConnectionResetError, match="before TLS"):
                        early.recv(64)
                assert early.fileno() == -1, "it is of no use any more"


# ---------------------------------------------------------------- what OpenSSL would allow


@pytest.mark.clause("T1")
@both_stores
def test_attack_a_name_that_stands_in_the_subject_alone(ca: trustme.CA, trust: Path, make: Contexts) -> None:
    """RFC 9525 §2: what a certificate is for stands in subjectAltName."""
    with tls_peer(ca.issue_cert(common_name="localhost").configure_cert) as peer:
        assert stopped(peer, make(trust), CertificateUntrusted).cause == "wrong_host"


@pytest.mark.clause("T1")
@both_stores
def test_attack_keys_are_not_changed_after_they_were_checked(trust: Path, make: Contexts) -> None:
    """TLS 1.2's renegotiation; Python cannot play the server that asks for it."""
    assert make(trust, allow_tls12=True).options & ssl.OP_NO_RENEGOTIATION
