"""Which calls of a newer version may go while an older one still binds (X2): a decision table."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rocketvpn_sdk.policy import Operation, Policy, bundled_policy
from rocketvpn_sdk.policy.own_calls import follows

OLD = bundled_policy()
VIEW = OLD.operations["data.view"]
CORRECT = OLD.operations["data.correct"]
ISSUE = OLD.operations["token.issue"]


def without(*operations: str) -> Policy:
    kept = tuple(each for each in OLD.document.operation if each.id not in operations)
    return Policy(msgspec.structs.replace(OLD.document, operation=kept))


def changed(operation: Operation, **members: Any) -> Operation:
    return msgspec.structs.replace(operation, **members)


def renamed(operation: Operation, ids: str) -> Operation:
    return changed(operation, id=ids)


@pytest.mark.clause("X2")
@pytest.mark.parametrize("operation", [VIEW, CORRECT, ISSUE], ids=lambda operation: operation.id)
def test_a_call_that_is_as_it_was_follows(operation: Operation):
    assert follows(OLD, operation)


@pytest.mark.clause("X2")
def test_a_call_may_move_to_another_path_or_method():
    assert follows(OLD, changed(VIEW, path="/v2/data", method="POST"))


@pytest.mark.clause("X2")
def test_a_new_call_of_our_own_follows_where_its_fields_go_for_that_purpose_already():
    assert follows(without("data.view"), VIEW)


@pytest.mark.clause("X2")
@pytest.mark.parametrize(
    "operation",
    [
        renamed(VIEW, "data.watch"),
        changed(VIEW, purpose="service"),
        changed(VIEW, recipient="acme"),
        changed(VIEW, fields=(*VIEW.fields, "payment_record")),
        changed(VIEW, fields=(*VIEW.fields, "message")),
        changed(CORRECT, fields=(*CORRECT.fields, "verification_code")),
        changed(CORRECT, names={**CORRECT.names, "other": CORRECT.fields[0]}),
        changed(VIEW, exact=(*VIEW.exact, "device_id")),
        changed(CORRECT, protocol=("unheard_of",)),
        changed(VIEW, identity="user"),
    ],
    ids=[
        "not ours",
        "purpose",
        "recipient",
        "field",
        "field",
        "of another purpose",
        "twice",
        "exact",
        "word",
        "identity",
    ],
)
def test_a_call_that_carries_or_says_more_waits(operation: Operation):
    assert not follows(OLD, operation)


@pytest.mark.clause("X2")
def test_nobody_says_more_about_who_calls_than_that_very_call_did():
    """Others of the same purpose say more: that does not count where the call itself was there before."""
    keys = OLD.operations["server.keys"]
    assert keys.identity == "none"
    assert not follows(OLD, changed(keys, identity="device"))
    of_rights = changed(keys, id="erasure.redeem", purpose=VIEW.purpose, recipient=VIEW.recipient, identity="device")
    assert follows(without("erasure.redeem"), of_rights)
    assert not follows(without("erasure.redeem"), changed(of_rights, purpose="software"))


@pytest.mark.clause("X2")
def test_what_only_the_apps_own_calls_carry_does_not_count():
    tunnel = OLD.operations["tunnel.register"]
    moved = changed(tunnel, id="app.rights", purpose=VIEW.purpose)
    policy = Policy(msgspec.structs.replace(OLD.document, operation=(*OLD.document.operation, moved)))
    field = next(iter(tunnel.names.values()), next(iter(tunnel.fields)))
    assert not follows(policy, changed(VIEW, fields=(*VIEW.fields, field)))


@pytest.mark.clause("X2", "U7")
def test_attack_a_word_that_only_another_recipient_has_heard():
    words = ISSUE.protocol_types
    assert words
    assert follows(OLD, changed(CORRECT, protocol=words))
    to_the_relay = OLD.operations["diagnostics.relay_erasure"]
    assert follows(OLD, to_the_relay)
    assert not follows(OLD, changed(to_the_relay, protocol=words))


DOWNLOAD = OLD.operations["updates.download"]


def not_for_software(field: str) -> Policy:
    """Return the policy before there were downloads, in which ``field`` is not there for them."""
    policy = without(DOWNLOAD.id)
    fields = tuple(
        msgspec.structs.replace(each, purposes=("service",)) if each.id == field else each
        for each in policy.document.field
    )
    return Policy(msgspec.structs.replace(policy.document, field=fields))


@pytest.mark.clause("X2", "U4")
def test_a_new_call_may_name_the_public_file_that_it_fetches():
    """The earlier version lets the same fields go to the operator for that, and ``tuf.target`` name any file."""
    assert follows(without(DOWNLOAD.id), DOWNLOAD)
    assert follows(OLD, DOWNLOAD)


@pytest.mark.clause("X2", "U4")
@pytest.mark.parametrize(
    "operation",
    [
        renamed(DOWNLOAD, "updates.upload"),
        renamed(DOWNLOAD, "tuf.target"),
        changed(DOWNLOAD, fields=(*DOWNLOAD.fields, "platform_version")),
        changed(DOWNLOAD, fields=(*DOWNLOAD.fields, "device_id")),
        changed(DOWNLOAD, identity="key"),
        changed(DOWNLOAD, method="POST"),
        changed(DOWNLOAD, purpose="service"),
        changed(DOWNLOAD, protocol={"file": OLD.fields["message"].type}),
    ],
    ids=["not ours", "another of ours", "field", "device", "identity", "method", "purpose", "word"],
)
def test_and_nothing_else_than_a_public_file(operation: Operation):
    assert not follows(without(DOWNLOAD.id, "tuf.target"), operation)


@pytest.mark.clause("X2", "U4")
@pytest.mark.parametrize("field", DOWNLOAD.fields)
def test_not_by_a_field_that_was_not_there_for_it(field: str):
    assert not follows(not_for_software(field), DOWNLOAD)
