"""What held when a call began may not hold any more when it goes: each try is asked about anew."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from support.calls import Line, challenged, problem, token_answer

from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.policy import ConsentChoice, Policy, State, bundled_policy
from rocketvpn_sdk.transport.requests import ApiCall

AGREED = State(adult=True, consents={"improvement": ConsentChoice("granted")})


def asking_consent() -> Policy:
    """Return a policy whose example operation needs a consent, and whose device may sign for it."""
    document = bundled_policy().document
    operations = tuple(
        msgspec.structs.replace(part, purpose="improvement", identity="none", fields=("region",), names={})
        if part.id == "tunnel.register"
        else part
        for part in document.operation
    )
    return Policy(msgspec.structs.replace(document, operation=operations))


@pytest.fixture
def line() -> Line:
    line = Line(policy=asking_consent())
    line.state = AGREED
    return line


@pytest.mark.clause("U3", "U7")
def test_a_consent_withdrawn_between_two_tries_stops_the_second(line: Line) -> None:
    def withdraw(_: httpx.Request) -> httpx.Response:
        line.state = State(adult=True)
        return problem(503, "unavailable")

    route = line.router.post("/v1/tunnels").mock(side_effect=withdraw)
    with pytest.raises(EgressBlocked) as caught:
        line.api.call("tunnel.register", body={"region": "de-fra"})
    assert caught.value.params["rule"] == "U3"
    assert route.call_count == 1
    (entry,) = line.sent("tunnel.register")
    assert (entry.outcome, entry.tries) == ("503 egress-blocked", 1)


@pytest.mark.clause("U7", "X2")
def test_an_operation_withdrawn_while_a_token_was_fetched_does_not_go() -> None:
    line = Line()

    def shrink(_: httpx.Request) -> httpx.Response:
        kept = tuple(part for part in line.policy.document.operation if part.id != "order.read")
        line.policy = Policy(msgspec.structs.replace(line.policy.document, operation=kept))
        return httpx.Response(200, json=token_answer())

    line.token.mock(side_effect=shrink)
    route = line.router.get("/v1/order")
    with pytest.raises(Exception, match=r"order\.read"):
        line.api.call("order.read")
    assert not route.called
    assert [entry.outcome for entry in line.sent("order.read")] == ["not delivered: operation-undeclared"]


@pytest.mark.clause("U2")
def test_a_signer_cannot_name_the_sender_of_a_nameless_call(line: Line) -> None:
    class Chatty:
        def headers(self, *_: Any) -> dict[str, str]:
            return {"DPoP": "x"}

        def learn(self, _: Any) -> None: ...

        def recover(self, _: Any) -> bool:
            return False

    route = line.router.get("/.well-known/oauth-authorization-server")
    with pytest.raises(EgressBlocked, match="who is asking"):
        line.api._exchange.send(ApiCall(operation="server.metadata"), Chatty())
    assert not route.called


def test_a_signed_call_passes_again_after_its_step_up_was_refused() -> None:
    line = Line()
    route = line.router.get("/v1/order").mock(side_effect=[challenged("invalid_token"), httpx.Response(200, json={})])
    line.api.call("order.read", answer=dict)
    assert route.call_count == 2
