"""How much a call says about who makes it, in one version of the policy and in another."""

from __future__ import annotations

import msgspec
import pytest

from rocketvpn_sdk.policy import Operation, bundled_policy
from rocketvpn_sdk.policy.identities import IDENTITIES, alike, counterpart, rank, says_more

POLICY = bundled_policy()
READ = POLICY.operations["order.read"]


def changed(**members: object) -> Operation:
    return msgspec.structs.replace(READ, **members)


def test_each_identity_says_more_than_the_one_before_it() -> None:
    assert [rank(changed(identity=name)) for name in IDENTITIES] == [0, 1, 2, 3]


def test_a_call_is_known_by_its_name_wherever_it_goes() -> None:
    assert counterpart(POLICY, changed(path="/v2/order")) is READ


def test_a_call_with_a_new_name_is_known_by_where_it_goes() -> None:
    assert counterpart(POLICY, changed(id="order.look")) is READ
    assert counterpart(POLICY, changed(id="order.look", path="/v2/order")) is None
    assert counterpart(POLICY, changed(id="order.look", method="POST")) is None


def test_a_new_call_is_limited_by_those_for_the_same_purpose_and_recipient() -> None:
    new = changed(id="order.look", path="/v2/order")
    limits = alike(POLICY, new)
    assert READ in limits
    assert {(each.purpose, each.recipient) for each in limits} == {(READ.purpose, READ.recipient)}
    assert alike(POLICY, READ) == (READ,)


@pytest.mark.clause("C1")
def test_the_same_call_may_say_as_much_as_before_and_no_more() -> None:
    assert not says_more(POLICY, READ, [])
    assert says_more(POLICY, changed(identity="user"), [])
    assert not says_more(POLICY, changed(identity="none"), [])
