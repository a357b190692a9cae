"""One form for host names: what the policy and the configuration say of the same host is the same."""

from __future__ import annotations

import pytest

from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.transport import guard
from rocketvpn_sdk.transport.hosts import canonical, without_port
from rocketvpn_sdk.transport.requests import parse_server

SAME = [
    ("API.Example", "api.example", "api.example"),
    ("api.example.", "api.example", "api.example"),
    ("api.example:443", "api.example", "api.example"),
    ("bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("XN--BCHER-KVA.example", "bücher.example", "xn--bcher-kva.example"),
    ("api.example\u3002com", "api.example.com", "api.example.com"),
    ("[0:0:0:0:0:0:0:1]", "[::1]", "[::1]"),
    ("[2001:DB8::A]:8443", "[2001:db8:0:0::a]:8443", "[2001:db8::a]:8443"),
    ("127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1"),
]


@pytest.mark.parametrize(("one", "other", "form"), SAME)
def test_what_names_the_same_host_is_the_same(one: str, other: str, form: str) -> None:
    assert canonical(one) == canonical(other) == canonical(form) == form
    assert parse_server(f"https://{one}") == f"https://{form}"


@pytest.mark.parametrize("text", ["", "[::1", "\uff10\uff11.example", "x" * 300])
def test_what_is_no_host_stays_as_it_is_and_equals_nothing_else(text: str) -> None:
    assert canonical(text) == text


@pytest.mark.parametrize(
    ("host", "name"),
    [("a.example:8443", "a.example"), ("a.example", "a.example"), ("[::1]:8443", "[::1]"), ("[::1]", "[::1]")],
)
def test_the_port_is_taken_off(host: str, name: str) -> None:
    assert without_port(host) == name


@pytest.mark.clause("S1")
@pytest.mark.parametrize(("server", "declared"), [(one, other) for one, other, _ in SAME] + [("[::1]:8443", "[::1]")])
def test_a_call_goes_to_the_host_that_the_policy_names_however_it_writes_it(server: str, declared: str) -> None:
    policy = bundled_policy().with_hosts("operator", (declared,))
    guard._check_host(policy, policy.operations["order.read"], outgoing(server))


@pytest.mark.clause("S1")
@pytest.mark.parametrize(
    ("server", "declared"),
    [
        ("api.example", "api.example.com"),
        ("[::2]", "[::1]"),
        ("a.example:1", "a.example:2"),
        ("aa.example", "a.example"),
    ],
)
def test_attack_a_host_that_only_looks_alike(server: str, declared: str) -> None:
    policy = bundled_policy().with_hosts("operator", (declared,))
    with pytest.raises(EgressBlocked):
        guard._check_host(policy, policy.operations["order.read"], outgoing(server))


def outgoing(server: str) -> guard.Outgoing:
    host = parse_server(f"https://{server}").removeprefix("https://")
    return guard.Outgoing(operation="order.read", scheme="https", host=host)
