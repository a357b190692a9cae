"""``rocketvpn call``: the app's own operations from a script, done once for one idempotency key."""

from __future__ import annotations

import pytest
from support.command_line import CommandLine
from support.fronted import counted_acts
from support.world import tunnel_key

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("no_pauses")

LOST = 4
"""As often as a call and its retries can be lost."""


def test_a_script_repeats_what_got_lost(bound: CommandLine, sandbox: Sandbox) -> None:
    public = f"public_key={tunnel_key()}"
    with counted_acts() as acts:
        sandbox.faults.lose_answers(LOST, path="/v1/tunnels")
        lost = bound.json("call", "tunnel.register", public)
        assert lost.code == codes.SERVER
        sandbox.faults.clear()
        again = bound.json("call", "tunnel.register", public, "--idempotency-key", lost.error["idempotency_key"])
        assert again.code == codes.DONE
    assert again.document["operation"] == "tunnel.register"
    assert again.document["answer"]["address"].startswith("10.66.")
    assert list(acts.values()) == [1]


def test_a_person_is_told_the_command_that_repeats_it(bound: CommandLine, sandbox: Sandbox) -> None:
    public = f"public_key={tunnel_key()}"
    sandbox.faults.lose_answers(LOST, path="/v1/tunnels")
    lost = bound.run("call", "tunnel.register", public, "--idempotency-key", "order 17")
    sandbox.faults.clear()
    assert lost.code == codes.SERVER
    assert "Run it again with --idempotency-key 'order 17': then it is done once." in " ".join(lost.err.split())
    reused = bound.run("call", "tunnel.register", f"public_key={tunnel_key()}", "--idempotency-key", "order 17")
    assert reused.code == codes.REFUSED
    assert "Use a new --idempotency-key" in " ".join(reused.err.split())


def test_values_are_text_or_json(bound: CommandLine) -> None:
    plain = bound.run("call", "tunnel.register", f"public_key={tunnel_key()}", 'region:="de-fra"')
    assert (plain.code, plain.err) == (codes.DONE, "")
    assert '"endpoint":"de-fra.vpn.rocketvpn.example:51820"' in plain.out.replace(" ", "")
    number = bound.json("call", "tunnel.register", f"public_key={tunnel_key()}", "region:=7")
    assert (number.code, number.error["code"]) == (codes.USAGE, "value-refused")


@pytest.mark.parametrize(
    "given", ["public_key", "=x", "region=a region=b", "operation=x", "idempotency_key=k", "region:={"]
)
def test_what_is_no_value_is_refused(bound: CommandLine, sandbox: Sandbox, given: str) -> None:
    before = len(sandbox.requests)
    assert bound.json("call", "tunnel.register", *given.split(" ")).code == codes.USAGE
    assert len(sandbox.requests) == before


def test_a_key_that_cannot_be_one_is_named_as_the_command_line_calls_it(bound: CommandLine) -> None:
    refused = bound.json("call", "tunnel.register", "--idempotency-key", 'a"b')
    assert refused.code == codes.USAGE
    assert "--idempotency-key" in refused.error["message"]
