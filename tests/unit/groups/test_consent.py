"""The group's corners, with a stand-in for the server: answers about something else, and crashes in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.vaults import open_vault

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent import CurrentConsents
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.consent.guardian import REQUEST, GuardianRequestState
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    ConfigurationError,
    GuardianError,
    RequestRefused,
    RocketVPNError,
    ServerError,
    ServerUnreachable,
    ValueRefused,
)
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.groups.queue import WaitingRequests
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import State, bundled_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.transport import Api, ApiAnswer
from rocketvpn_sdk.transport.delivery import QueueDelivery
from rocketvpn_sdk.vault import Queue, Vault

DEVICE = "A" * 52
POLICY = bundled_policy()
ANSWERS: dict[str, Any] = {"about": "agreement", "policy_version": POLICY.version, "policy_sha256": POLICY.sha256}

HELD = wire.HeldConsent(purpose="p", record_id="r", state="denied", policy_version=1, policy_sha256="0" * 64, at=utc(1))


class StandIn(Api):
    """Answers each call with the next of ``answers``, or raises it."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.calls: list[tuple[str, Any]] = []
        self.permit = Permit(lambda: PolicyState(POLICY), State, lambda: 0.0)

    answered: Any = 0

    def call(self, operation: str, *, body: Any = None, path: Mapping[str, str] = {}, **_: Any) -> Any:
        self.calls.append((operation, dict(path)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ApiAnswer(value=answer, status=200)


class Group:
    def __init__(self, vault: Vault) -> None:
        self.vault, self.queue, self.server = vault, Queue(vault), StandIn()
        current_consents = CurrentConsents(vault, collect=True, policies=lambda: (POLICY,))
        self.decisions = Decisions(current_consents, self.queue, device=lambda: DEVICE)
        self.connect: Callable[[], Api] = lambda: self.server
        self.consents = Consents(
            self.decisions,
            connect=lambda: self.connect(),
            delivery=lambda: QueueDelivery(self.connect(), self.queue),
        )


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    vault = open_vault(tmp_path / "vault", MemorySecrets(), FakeClock())
    yield Group(vault)
    vault.close()


def asked(group: Group, **changes: Any) -> Any:
    at = utc(group.vault.clock.time() + 3600)
    return wire.GuardianRequest(request_id="r", expires_at=at, **(ANSWERS | changes))


def confirmed(group: Group, **changes: Any) -> Any:
    return wire.GuardianConfirmation(request_id="r", confirmed_at=utc(group.vault.now()), **(ANSWERS | changes))


# ---------------------------------------------------------------- guardians


@pytest.mark.clause("M2")
@pytest.mark.parametrize("change", [{"about": "age"}, {"policy_version": 99}, {"policy_sha256": "0" * 64}])
def test_attack_a_server_that_asks_the_guardian_something_else(group: Group, change: dict[str, Any]) -> None:
    group.server.answers = [asked(group, **change)]
    with pytest.raises(ServerError, match="something else"):
        group.consents.request_guardian("mum@family.example")
    assert group.vault.get(REQUEST, GuardianRequestState) is None


@pytest.mark.clause("M2")
@pytest.mark.parametrize("change", [{"about": "age"}, {"policy_version": 99}, {"policy_sha256": "0" * 64}])
def test_attack_a_server_that_confirms_something_else(group: Group, change: dict[str, Any]) -> None:
    group.server.answers = [asked(group), confirmed(group, **change)]
    group.consents.request_guardian("mum@family.example")
    with pytest.raises(ServerError, match="something else"):
        group.consents.confirm_guardian("123456")
    assert not group.consents.state().guardian
    assert group.consents.state().adult is None


@pytest.mark.parametrize(
    ("reason", "kind", "cause"),
    [
        ("idempotency-key-reused", GuardianError, "code-used"),
        ("policy-version-unknown", GuardianError, "other-policy"),
        ("something-new", RequestRefused, ""),
    ],
)
def test_what_the_server_says_is_one_of_our_errors(
    group: Group, reason: str, kind: type[RocketVPNError], cause: str
) -> None:
    group.server.answers = [asked(group), RequestRefused(operation="guardian.confirm", reason=reason)]
    group.consents.request_guardian("mum@family.example")
    with pytest.raises(kind) as refused:
        group.consents.confirm_guardian("123456")
    assert refused.value.cause == cause
    assert not group.consents.state().guardian


@pytest.mark.parametrize(
    ("reason", "kind", "cause"),
    [
        ("validation-failed", ValueRefused, ""),
        ("policy-version-unknown", GuardianError, "policy-unknown"),
        ("something-new", RequestRefused, ""),
    ],
)
def test_a_request_that_the_server_refuses_asks_nobody(
    group: Group, reason: str, kind: type[RocketVPNError], cause: str
) -> None:
    group.server.answers = [RequestRefused(operation="guardian.request", reason=reason)]
    with pytest.raises(kind) as refused:
        group.consents.request_guardian("mum@family.example")
    assert ("family" in str(refused.value), refused.value.cause) == (False, cause)
    with pytest.raises(GuardianError, match="No guardian was asked"):
        group.consents.confirm_guardian("123456")


def test_a_withdrawal_without_an_agreement_drops_what_was_asked(group: Group) -> None:
    group.server.answers = [asked(group)]
    group.consents.request_guardian("mum@family.example")
    assert group.consents.withdraw_guardian() is False
    assert group.consents.status().guardian_asked is None


# ---------------------------------------------------------------- delivery


def granted(group: Group) -> None:
    group.server.answers.append(ServerUnreachable(host="h", problem="p"))
    group.consents.declare_age(adult=True)
    group.consents.grant(group.consents.notice("improvement"))


def test_a_crash_between_the_answer_and_the_end_sends_nothing_again(group: Group) -> None:
    granted(group)
    (item,) = group.queue.items()
    group.queue.update(msgspec.structs.replace(item, state="accepted"))
    group.server.calls.clear()
    assert group.consents.deliver() == 0
    assert group.server.calls == []
    assert group.queue.items() == ()


def test_what_concerns_the_same_purpose_waits_for_what_came_before(group: Group) -> None:
    granted(group)
    group.connect = lambda: (_ for _ in ()).throw(ConfigurationError(problem="no trust"))
    group.consents.withdraw("improvement")
    group.consents.grant(group.consents.notice("improvement"))
    group.consents.deny(group.consents.notice("rights", recipient="relay"))
    group.server.calls.clear()
    group.server.answers = [AuthenticationFailed(reason="invalid_grant"), HELD]
    group.connect = lambda: group.server
    assert group.consents.deliver() == 2
    assert [path["purpose"] for _, path in group.server.calls] == ["improvement", "rights"]


def test_a_configuration_that_cannot_work_spoils_no_decision(group: Group) -> None:
    group.connect = lambda: (_ for _ in ()).throw(ConfigurationError(problem="no trust"))
    group.consents.declare_age(adult=True)
    done = group.consents.grant(group.consents.notice("improvement"))
    assert (done.state, done.server) == ("granted", "waiting")
    with pytest.raises(ConfigurationError):
        group.consents.deliver()


def test_what_waits_in_another_device_s_name_is_dropped(group: Group) -> None:
    granted(group)
    group.decisions.device = lambda: "B" * 52
    group.connect = lambda: (_ for _ in ()).throw(AssertionError("nothing is to be sent"))
    assert group.consents._deliver() == 0
    assert group.queue.items() == ()


def test_what_was_refused_for_good_is_sent_again_by_deliver_alone(group: Group) -> None:
    granted(group)
    group.server.answers = [RequestRefused(operation="consents.put", reason="policy-version-unknown"), HELD]
    assert group.consents.deliver() == 1
    (kept,) = WaitingRequests(group.queue, lambda: POLICY).items()
    assert (kept.state, kept.problem, kept.due) == ("refused", "policy-version-unknown", None)
    assert group.consents._deliver() == 1
    assert len(group.server.answers) == 1
    assert group.consents.deliver() == 0


def test_a_refused_notice_holds_nothing_up_and_never_comes_after_what_followed_it(group: Group) -> None:
    granted(group)
    group.server.answers = [RequestRefused(operation="consents.put", reason="validation-failed")]
    assert group.consents.deliver() == 1
    group.server.answers = [RequestRefused(operation="consents.put", reason="validation-failed"), HELD]
    group.consents.deny(group.consents.notice("improvement"))
    (kept,) = group.queue.items()
    assert (kept.state, kept.superseded) == ("refused", True)
    group.server.calls.clear()
    assert group.consents.deliver() == 1
    assert group.server.calls == []
    assert WaitingRequests(group.queue, lambda: POLICY).cancel(kept.id).request.due is None
    assert group.queue.items() == ()
