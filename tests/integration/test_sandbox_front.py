"""What stands in front of the sandbox: its public address, and whose word about a client's address is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.dpop_client import Peer
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.sandbox import Front, Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.testing.sandbox import running_sandbox

PUBLIC = "https://api.vpn.example"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Front], Sandbox]]:
    with ExitStack() as stack:

        def serve(front: Front) -> Sandbox:
            sandbox = Sandbox(tmp_path / "server", front=front)
            sandbox.settings = ServerSettings(ticket_tries=2)
            return stack.enter_context(sandbox)

        yield serve


class Asker:
    """Sends tickets that are wrong: the third one that is counted for one address is refused."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.peer = Peer(sandbox.local_url, sandbox.ca_file)

    def status(self, *headers: tuple[str, str]) -> int:
        with_type = [("Content-Type", "application/json"), *headers]
        return self.peer.http.post("/v1/erasures", content=b'{"ticket": "wrong"}', headers=with_type).status_code

    def counts_apart(self, one: list[tuple[str, str]], other: list[tuple[str, str]]) -> bool:
        """Whether two requests with these headers are counted for different clients."""
        assert [self.status(*one) for _ in range(3)] == [404, 404, 429]
        return self.status(*other) == 404


def apart(serve: Callable[[Front], Sandbox], front: Front, one: object, other: object) -> bool:
    asker = Asker(serve(front))
    try:
        return asker.counts_apart(_headers(front, one), _headers(front, other))
    finally:
        asker.peer.close()


def _headers(front: Front, values: object) -> list[tuple[str, str]]:
    lines = values if isinstance(values, tuple) else (values,)
    return [(front.header, str(line)) for line in lines]


LOCAL = ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")

XFF = {
    "two clients of one proxy": ("203.0.113.1", "203.0.113.2", True),
    "one client that made up what stands before": ("1.1.1.1, 203.0.113.1", "2.2.2.2, 203.0.113.1", False),
    "the same in two lines": (("1.1.1.1", "203.0.113.1"), ("2.2.2.2", "203.0.113.1"), False),
    "a second proxy that is trusted": ("203.0.113.1, 10.1.1.1", "203.0.113.2, 10.1.1.1", True),
    "a second proxy that is not": ("203.0.113.1, 198.51.100.1", "203.0.113.2, 198.51.100.1", False),
    "with a port": ("203.0.113.1:1234", "203.0.113.1:5678", False),
    "one network of IPv6": ("2001:db8:1:2::1", "[2001:db8:1:2:ffff::9]:80", False),
    "two networks of IPv6": ("2001:db8:1:2::1", "2001:db8:1:3::1", True),
    "IPv4 written as IPv6": ("203.0.113.1", "::ffff:203.0.113.1", False),
    "nothing that is an address": ("unknown", "somebody", False),
    "nothing readable before a proxy": ("203.0.113.1, nonsense, 10.1.1.1", "203.0.113.2, nonsense, 10.1.1.1", False),
    "proxies alone": ("10.1.1.1", "10.1.1.2", True),
    "an empty header": ("", ",", False),
}
"""The headers of two requests, and whether they are counted apart."""

FORWARDED = {
    "two clients of one proxy": ("for=203.0.113.1;proto=https", "proto=https;For=203.0.113.2", True),
    "one client that made up what stands before": (
        "for=1.1.1.1, for=203.0.113.1",
        "for=2.2.2.2, for=203.0.113.1",
        False,
    ),
    "quoted, with a port": ('for="203.0.113.1:47011"', "for=203.0.113.1", False),
    "one network of IPv6": ('for="[2001:db8:1:2::1]"', 'for="[2001:db8:1:2::2]:4711"', False),
    "two networks of IPv6": ('for="[2001:db8:1:2::1]"', 'for="[2001:db8:1:3::1]"', True),
    "a comma in quotes is none": ('for=203.0.113.1;by="x, for=1.1.1.1"', 'for=203.0.113.1;by="x, for=2.2.2.2"', False),
    "an escape in quotes": (r'for="203\.0.113.1"', "for=203.0.113.1", False),
    "names that hide the address": ("for=_hidden", "for=_other", False),
    "unknown": ("for=unknown", "for=203.0.113.1, for=unknown", False),
    "an element without for": ("for=203.0.113.1, by=10.1.1.1", "for=203.0.113.2, by=10.1.1.1", False),
    "what cannot be read": ("for=203.0.113.1, ???", "for=203.0.113.2, ???", False),
    "a quote that does not end": ('for="203.0.113.1', 'for="203.0.113.2', False),
}


@pytest.mark.clause("C2")
@pytest.mark.parametrize("case", XFF)
def test_x_forwarded_for_is_read_from_its_end_as_far_as_it_is_trusted(serve, case: str) -> None:
    one, other, expected = XFF[case]
    assert apart(serve, Front(trusted=LOCAL), one, other) is expected


@pytest.mark.clause("C2")
@pytest.mark.parametrize("case", FORWARDED)
def test_forwarded_is_read_as_rfc_7239_writes_it(serve, case: str) -> None:
    one, other, expected = FORWARDED[case]
    assert apart(serve, Front(trusted=LOCAL, header="forwarded"), one, other) is expected


@pytest.mark.parametrize(
    "front",
    [Front(), Front(trusted=("10.0.0.0/8",)), Front(trusted=("::1",))],
    ids=["nobody trusted", "another network", "another family"],
)
def test_attack_a_client_that_says_where_it_comes_from_is_not_believed(serve, front: Front) -> None:
    assert not apart(serve, front, "203.0.113.1", "203.0.113.2")


def test_attack_the_header_that_the_proxy_does_not_write_is_not_read(serve) -> None:
    """A proxy passes on what it does not know: only the one header that was named counts."""
    asker = Asker(serve(Front(trusted=LOCAL)))
    named = ("X-Forwarded-For", "203.0.113.1")
    with asker.peer:
        assert not asker.counts_apart([named, ("Forwarded", "for=1.1.1.1")], [("Forwarded", "for=2.2.2.2"), named])


@pytest.mark.clause("C2", "R1")
def test_an_address_from_the_header_is_stored_nowhere(serve, tmp_path: Path) -> None:
    sandbox = serve(Front(trusted=LOCAL))
    with Peer(sandbox.local_url, sandbox.ca_file) as peer:
        for number in range(3):
            peer.ask_to_bind(f"RV-NONE-{number}")
            peer.form("/v1/authorize-challenge", response_type="code")
    asker = Asker(sandbox)
    with asker.peer:
        asker.status(("X-Forwarded-For", "203.0.113.77"))
    assert b"203.0.113.77" not in sandbox.database_file.read_bytes()


# ---------------------------------------------------------------- the public address


def test_proofs_links_and_the_issuer_are_made_of_the_public_address(serve) -> None:
    sandbox = serve(Front(public_url=PUBLIC))
    assert (sandbox.url, sandbox.host) == (PUBLIC, "api.vpn.example")
    with Peer(sandbox.local_url, sandbox.ca_file) as peer:
        assert peer.ask_to_bind(sandbox.order()).json()["error"] == "invalid_dpop_proof"  # for its own address
        peer.url = PUBLIC
        peer.bind(sandbox.order())
        metadata = peer.http.get("/.well-known/oauth-authorization-server").json()
        assert metadata["issuer"] == PUBLIC
        assert metadata["token_endpoint"] == f"{PUBLIC}/v1/token"
        problem = peer.call("GET", "/v1/data-rights-requests/none").json()
        assert problem["type"] == f"{PUBLIC}/problems/not-found"
        done = peer.ask_deletion("device").json()
        assert done["results_url"].startswith(f"{PUBLIC}/v1/")


def test_attack_a_host_header_changes_nothing(serve) -> None:
    sandbox = serve(Front(public_url=PUBLIC, trusted=LOCAL))
    with Peer(sandbox.local_url, sandbox.ca_file) as peer:
        said = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        answer = peer.http.get("/.well-known/oauth-authorization-server", headers=said)
    assert "evil.example" not in answer.text
    assert answer.json()["issuer"] == PUBLIC


def test_clients_are_configured_for_the_public_address(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "server", front=Front(public_url=PUBLIC)) as sandbox:
        config = World(sandbox, tmp_path / "vault").config()
        assert config.server == PUBLIC
        assert f'server = "{PUBLIC}"' in sandbox.client_file.read_text()
        assert 'hosts = ["api.vpn.example"]' in sandbox.client_file.read_text()
        with RocketVPN.open(config) as rocket:
            assert rocket


@pytest.mark.parametrize(
    "url",
    [
        "http://api.vpn.example",
        "api.vpn.example",
        "https://",
        "https://api.vpn.example/",
        "https://api.vpn.example/v1",
        "https://api.vpn.example?x",
        "https://api.vpn.example#x",
        "https://kim@api.vpn.example",
        "https://API.vpn.example",
        "https://api.vpn.example:x",
        "https://api.vpn.example:99999",
        "https://bücher.example",
        "https://api.vpn.example\n",
        "",
    ],
)
def test_a_public_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https://host"):
        Front(public_url=url)


@pytest.mark.parametrize("network", ["", "localhost", "10.0.0.0/33", "10.0.0", "*", "10.0.0.1 "])
def test_a_trusted_proxy_that_is_no_address_is_refused(network: str) -> None:
    with pytest.raises(ConfigurationError, match="IP address or a network"):
        Front(trusted=(network,))


def test_another_header_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="x-forwarded-for or forwarded"):
        Front(header="x-real-ip")  # type: ignore[arg-type] # what this is about
