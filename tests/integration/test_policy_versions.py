"""A new version of the policy on a device: what it takes waits until it was shown and its time has come (X1 to X3)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest
from support.app_events import SessionConnected
from support.policies import TEXT, edited, first_version

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.consent.guardian import GuardianRequestState
from rocketvpn_sdk.consent.minors import Minors
from rocketvpn_sdk.errors import EgressBlocked, NotAllowed, PolicyOutdated
from rocketvpn_sdk.groups.policy import Policies, PolicyNotice
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

NOW = 1_800_000_000.0  # 2027-01-15


def version(number: int, *edits: tuple[str, str, str, str], effective: date = date(2027, 1, 1)) -> Policy:
    """Return version ``number`` of the policy, with ``edits`` of (table, part, old, new)."""
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    document = msgspec.structs.replace(parse_policy(text).document, version=number, effective=effective)
    return Policy(document)


EXACT_DURATION = ("field", "duration", 'transform = "bucket(', 'transform = "keep"  # "bucket(')
LONGER = ("field", "region", "P30D", "P90D")
SHORTER = ("field", "region", "P30D", "P7D")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def config(tmp_path: Path, clock: FakeClock) -> Config:
    return Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        events=[SessionConnected],
        clock=clock,
        policy=first_version(),
    )


@pytest.fixture
def rocket(config: Config):
    with RocketVPN.open(config) as rocket:
        yield rocket


def offered(rocket: RocketVPN, policy: Policy) -> Policies:
    """Hand a version to the device as if its signature had just been checked."""
    rocket._components.versions.offer(policy)
    return rocket.policy


def retention_of(rocket: RocketVPN) -> float:
    decision = rocket._components.permit.field("region", "service")
    assert decision.allowed
    assert decision.keep_until is not None
    return round((decision.keep_until - rocket._components.vault.now()) / DAY)


@pytest.mark.clause("X2")
def test_a_reduction_binds_only_when_it_was_shown_long_enough_and_its_date_has_come(
    rocket: RocketVPN, clock: FakeClock
) -> None:
    policy = offered(rocket, version(2, LONGER, effective=date(2027, 4, 1)))
    assert (policy.current.version, policy.pending and policy.pending.version) == (1, 2)
    clock.advance(400 * DAY)
    rocket.sync()
    assert policy.current.version == 1  # never shown, never bound
    assert retention_of(rocket) == 30
    notice = policy.notice()
    assert notice is not None
    assert notice.reduces_rights
    assert notice.binds_on is None
    assert any("90 days" in sentence for sentence in notice.takes)
    shown = policy.shown(notice)
    assert shown.binds_on is not None
    clock.advance(29 * DAY)
    rocket.sync()
    assert retention_of(rocket) == 30
    clock.advance(1.1 * DAY)
    rocket.sync()
    assert policy.pending is None
    assert (policy.current.version, retention_of(rocket)) == (2, 90)
    assert rocket.status().policy_version == 2


@pytest.mark.clause("X2")
def test_before_its_date_nothing_binds_however_long_it_was_shown(rocket: RocketVPN, clock: FakeClock) -> None:
    policy = offered(rocket, version(2, LONGER, effective=date(2027, 6, 1)))
    notice = policy.notice()
    assert notice is not None
    assert policy.shown(notice).binds_on is not None
    clock.advance(40 * DAY)
    rocket.sync()
    assert policy.current.version == 1
    clock.advance(140 * DAY)
    rocket.sync()
    assert policy.current.version == 2


@pytest.mark.clause("X2")
def test_what_narrows_binds_at_once(rocket: RocketVPN) -> None:
    policy = offered(rocket, version(2, SHORTER, effective=date(2028, 1, 1)))
    assert (policy.current.version, policy.pending, retention_of(rocket)) == (2, None, 7)


@pytest.mark.clause("X2")
def test_a_mixed_version_narrows_at_once_and_widens_later(rocket: RocketVPN, clock: FakeClock) -> None:
    policy = offered(rocket, version(2, SHORTER, EXACT_DURATION))
    assert policy.current.version == 1
    assert retention_of(rocket) == 7
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    (entry,) = rocket.journal.read()
    assert entry.fields["duration"] == 60  # still in steps
    notice = policy.notice()
    assert notice is not None
    policy.shown(notice)
    clock.advance(31 * DAY)
    rocket.sync()
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    assert [entry.fields["duration"] for entry in rocket.journal.read()] == [77]


@pytest.mark.clause("X2")
def test_what_waits_in_memory_is_minimised_as_was_promised_when_it_was_recorded(
    rocket: RocketVPN, clock: FakeClock
) -> None:
    policy = offered(rocket, version(2, EXACT_DURATION))
    notice = policy.notice()
    assert notice is not None
    policy.shown(notice)
    clock.advance(31 * DAY)
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    rocket.sync()
    assert policy.current.version == 2
    assert [entry.fields["duration"] for entry in rocket.journal.read()] == [60]


@pytest.mark.clause("X1")
def test_an_older_version_or_another_text_of_the_same_one_is_refused(rocket: RocketVPN) -> None:
    offered(rocket, version(3, SHORTER))
    with pytest.raises(PolicyOutdated, match="Version 2"):
        rocket._components.versions.offer(version(2))
    with pytest.raises(PolicyOutdated):
        rocket._components.versions.offer(version(3))
    assert rocket.policy.current.version == 3
    assert rocket._components.versions.offer(version(3, SHORTER)).binding.version == 3


@pytest.mark.clause("X1")
def test_the_versions_outlive_the_process_and_an_app_that_ships_an_older_one(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        policy = offered(rocket, version(3, LONGER))
        notice = policy.notice()
        assert notice is not None
        policy.shown(notice)
    heard: list[PolicyNotice] = []
    with RocketVPN.open(config) as rocket:
        assert (rocket.policy.current.version, rocket.policy.pending and rocket.policy.pending.version) == (1, 3)
        assert rocket.policy.pending.sha256 == version(3, LONGER).sha256
    clock.advance(31 * DAY)
    with RocketVPN.open(config) as rocket:
        assert rocket.policy.current.version == 1  # closed for so long, or a clock set forward? Nobody knows yet
        rocket._components.vault.agree(clock.time())  # a call's answer said what time it is
        rocket.sync()
        assert rocket.policy.current.version == 3
    with RocketVPN.open(msgspec.structs.replace(config, policy=version(2))) as rocket:
        rocket.events.subscribe(PolicyNotice, heard.append)
        assert rocket.policy.current.version == 3
    assert heard == []


@pytest.mark.clause("X2")
def test_an_upgrade_of_the_app_brings_its_policy_the_same_way(config: Config) -> None:
    with RocketVPN.open(config) as rocket:
        assert rocket.policy.current.version == 1
    newer = msgspec.structs.replace(config, policy=version(2, LONGER))
    rocket = RocketVPN.open(newer, unlock=False)
    heard: list[PolicyNotice] = []
    rocket.events.subscribe(PolicyNotice, heard.append)
    rocket.unlock()
    assert rocket.policy.current.version == 1
    assert [notice.version for notice in heard] == [2]
    rocket.close()


@pytest.mark.clause("X2")
def test_what_was_shown_keeps_its_date_when_a_further_version_comes(rocket: RocketVPN, clock: FakeClock) -> None:
    policy = offered(rocket, version(2, LONGER))
    first = policy.notice()
    assert first is not None
    on = policy.shown(first).binds_on
    clock.advance(20 * DAY)
    offered(rocket, version(3, LONGER, SHORTER_LEVEL))
    again = policy.notice()
    assert again is not None
    assert again.binds_on == on  # nothing new is taken
    offered(rocket, version(4, LONGER, EXACT_DURATION))
    more = policy.notice()
    assert more is not None
    assert more.binds_on is None  # something is
    clock.advance(11 * DAY)
    rocket.sync()
    assert policy.current.version == 1
    with pytest.raises(NotAllowed, match="X2"):
        policy.shown(first)


SHORTER_LEVEL = ("field", "level", "P30D", "P7D")


@pytest.mark.clause("X2")
def test_what_was_shown_keeps_its_date_when_the_servers_move(rocket: RocketVPN) -> None:
    newest = version(2, EXACT_DURATION)
    policy = offered(rocket, newest)
    notice = policy.notice()
    assert notice is not None
    on = policy.shown(notice).binds_on
    assert on is not None
    offered(rocket, newest.with_hosts("operator", ("elsewhere.example",)))
    assert rocket._components.permit.policy.recipients["operator"].hosts == ("elsewhere.example",)
    moved = policy.notice()
    assert moved is not None
    assert moved.binds_on == on


def test_accepting_a_version_that_was_never_shown_is_refused(rocket: RocketVPN) -> None:
    policy = offered(rocket, version(2, LONGER))
    notice = policy.notice()
    assert notice is not None
    with pytest.raises(NotAllowed, match="never shown"):
        policy.accept(notice)
    with pytest.raises(NotAllowed, match="not of the version"):
        policy.accept(msgspec.structs.replace(notice, sha256="0" * 64))


@pytest.mark.clause("X2")
def test_a_clock_set_forward_binds_nothing_early(rocket: RocketVPN, clock: FakeClock) -> None:
    policy = offered(rocket, version(2, LONGER))
    notice = policy.notice()
    assert notice is not None
    clock.turn(365 * DAY)
    policy.shown(notice)
    clock.turn(-365 * DAY)
    rocket.sync()
    clock.advance(31 * DAY)
    rocket.sync()
    assert policy.current.version == 1


def test_terms_are_explained_and_nothing_is_pending_at_first(rocket: RocketVPN) -> None:
    assert rocket.policy.notice() is None
    assert not rocket.policy.changes().reduces_rights
    assert rocket.policy.current.sha256 == first_version().sha256
    assert "region" in rocket.policy.explain("region").term


NEW_FIELD = """
[[field]]
id = "signal"
category = "log"
clause = "C2"
source = "observed"
type = { kind = "integer", min = 0, max = 1000 }
transform = "%s"
purposes = ["service"]
recipients = []
retention = { device = "%s" }
dpv = "pd:DeviceSoftware"
sentence.en = "How strong the network was."

[[event]]
"""


def with_signal(number: int, transform: str, retention: str) -> Policy:
    text = TEXT.replace("[[event]]\n", NEW_FIELD.lstrip("\n") % (transform, retention), 1)
    document = msgspec.structs.replace(parse_policy(text).document, version=number, effective=date(2027, 1, 1))
    return Policy(document)


@pytest.mark.clause("X2")
def test_attack_a_shown_field_that_comes_back_with_more_in_it(rocket: RocketVPN, clock: FakeClock) -> None:
    policy = offered(rocket, with_signal(2, "bucket(0, 500)", "P1D"))
    first = policy.notice()
    assert first is not None
    policy.shown(first)
    clock.advance(29 * DAY)
    offered(rocket, with_signal(3, "keep", "P30D"))
    second = policy.notice()
    assert second is not None
    assert second.binds_on is None
    clock.advance(2 * DAY)
    rocket.sync()
    assert policy.current.version == 1


@pytest.mark.clause("X2")
def test_attack_an_app_that_ships_a_wider_policy_and_records_while_locked(config: Config) -> None:
    RocketVPN.open(config).close()
    rocket = RocketVPN.open(msgspec.structs.replace(config, policy=version(2, EXACT_DURATION)), unlock=False)
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    rocket.journal.flush()
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=78))
    rocket.unlock()
    assert [entry.fields["duration"] for entry in rocket.journal.read()] == [60, 60]
    rocket.close()


@pytest.mark.clause("X1")
def test_attack_two_texts_of_one_version_taking_turns(config: Config) -> None:
    other = msgspec.structs.replace(config, policy=version(1, LONGER))
    for turn in (config, other, config, other):
        with RocketVPN.open(turn) as rocket:
            assert rocket.policy.current.sha256 == first_version().sha256
            assert rocket.policy.pending is None
    moved = first_version().with_hosts("operator", ("elsewhere.example",))
    with RocketVPN.open(msgspec.structs.replace(config, policy=moved)) as rocket:
        assert rocket.policy.current.sha256 == moved.sha256  # the operator moved, and nothing else


@pytest.mark.clause("X2")
def test_attack_a_notice_shown_while_another_process_took_a_newer_version(config: Config) -> None:
    with RocketVPN.open(config) as one, RocketVPN.open(config) as other:
        policy = offered(one, version(2, LONGER))
        notice = policy.notice()
        assert notice is not None
        held = one._components.versions.in_force()
        offered(other, version(3, SHORTER))
        with pytest.raises(NotAllowed, match="Another version"):
            one._components.versions.shown(held, "en")
        assert one.policy.current.version == other.policy.current.version == 3


@pytest.mark.clause("X2")
def test_attack_a_pending_version_that_sends_more_with_a_known_call(rocket: RocketVPN) -> None:
    more = ("operation", "tunnel.register", 'fields = ["', 'fields = ["failure", "')
    assert "failure" in version(2, more).operations["tunnel.register"].fields
    offered(rocket, version(2, more))
    assert rocket.policy.current.version == 1
    with pytest.raises(EgressBlocked, match="X2"):
        rocket.call("tunnel.register", public_key="A" * 43 + "=", region="de-fra", failure="dns")


@pytest.mark.clause("U3")
def test_who_agreed_to_a_pending_text_did_not_agree_to_what_came_in_its_place(
    rocket: RocketVPN, clock: FakeClock
) -> None:
    rocket.consent.declare_age(True)
    shorter = ("field", "failure", 'device = "P30D"', 'device = "P1D"')
    offered(rocket, version(2, shorter, LONGER))
    rocket.consent.grant(rocket.consent.notice("improvement"))
    assert rocket._components.permit.field("failure", "improvement").allowed
    offered(rocket, version(3, LONGER))
    assert not rocket._components.permit.field("failure", "improvement").allowed


@pytest.mark.clause("U3")
def test_a_consent_that_a_new_version_widens_is_asked_for_again(rocket: RocketVPN, clock: FakeClock) -> None:
    rocket.consent.declare_age(True)
    rocket.consent.grant(rocket.consent.notice("improvement"))
    policy = offered(rocket, version(2, ("field", "failure", "P30D", "P90D")))
    notice = policy.notice()
    assert notice is not None
    policy.shown(notice)
    assert rocket._components.permit.field("failure", "improvement").allowed
    clock.advance(31 * DAY)
    rocket.sync()
    assert policy.current.version == 2
    assert not rocket._components.permit.field("failure", "improvement").allowed


@pytest.mark.clause("U3")
def test_withdrawing_one_purpose_keeps_what_waits_for_another(rocket: RocketVPN) -> None:
    rocket.consent.declare_age(True)
    rocket.consent.grant(rocket.consent.notice("improvement"))
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    rocket.consent.withdraw("improvement")
    assert rocket.journal.stats().records == 1


# ---------------------------------------------------------------- the advice before binding


@pytest.mark.clause("M1", "M2")
def test_the_advice_is_there_before_binding_and_before_the_vault_is_unlocked(config: Config) -> None:
    with RocketVPN.open(config, unlock=False) as rocket:
        locked = rocket.policy.advice()
        rocket.unlock()
        assert rocket.device.binding is None
        assert rocket.policy.advice() == locked == first_version().document.minors.advice["en"]
        assert "under 18" in locked


@pytest.mark.clause("M1")
def test_the_advice_is_in_the_user_s_language_where_the_policy_has_it(rocket: RocketVPN) -> None:
    german = ("minors", "", 'advice.en = "', 'advice.de = "Frag deine Eltern."\nadvice.en = "')
    policy = offered(rocket, version(2, german))
    assert policy.advice("de-AT") == "Frag deine Eltern."
    assert policy.advice("fr").startswith("If you are under 18")


@pytest.mark.clause("M1", "X2")
@pytest.mark.parametrize(("age", "told"), [(16, 18), (21, 21)])
def test_the_advice_is_that_of_the_version_with_the_higher_age(rocket: RocketVPN, age: int, told: int) -> None:
    younger = ("minors", "", "age = 18", f"age = {age}")
    said = ("minors", "", 'advice.en = "If you are under 18', f'advice.en = "If you are under {age}')
    policy = offered(rocket, version(2, younger, said, LONGER))
    assert policy.pending is not None
    assert policy.advice().startswith(f"If you are under {told},")


# ---------------------------------------------------------------- what is only newly necessary; guardians


NICKNAME = """
[[field]]
id = "nickname"
category = "account"
clause = "C3"
source = "user"
type = { kind = "text", max = 40 }
transform = "keep"
purposes = ["service"]
recipients = ["operator"]
retention = { server = "bound" }
dpv = "pd:Name"
sentence.en = "What the operator calls you."

[[event]]
"""


def with_nickname(number: int) -> Policy:
    text = TEXT.replace("[[event]]\n", NICKNAME.lstrip("\n"), 1)
    return Policy(msgspec.structs.replace(parse_policy(text).document, version=number, effective=date(2027, 1, 1)))


@pytest.mark.clause("X2")
@pytest.mark.parametrize("accepted", [True, False])
def test_a_version_that_only_needs_something_new_waits_until_it_was_shown(
    rocket: RocketVPN, clock: FakeClock, accepted: bool
) -> None:
    policy = offered(rocket, with_nickname(2))
    notice = policy.notice()
    assert notice is not None
    assert (notice.reduces_rights, notice.takes, len(notice.needs)) == (False, (), 1)
    clock.advance(400 * DAY)
    rocket.sync()
    assert policy.current.version == 1  # nobody was shown it
    policy.shown(notice)
    clock.advance(DAY)
    rocket.sync()
    assert policy.current.version == 1
    if accepted:
        policy.accept(notice)
    else:
        clock.advance(30 * DAY)
        rocket.sync()
    assert policy.current.version == 2


@pytest.mark.clause("M2", "X3")
@pytest.mark.parametrize(
    ("newer", "counts"),
    [(version(2), True), (version(2, SHORTER), True), (version(2, LONGER), False), (with_nickname(2), False)],
    ids=["the same", "less", "more", "something new"],
)
def test_what_a_guardian_agreed_to_is_carried_only_to_a_version_that_takes_and_needs_nothing(
    rocket: RocketVPN, clock: FakeClock, newer: Policy, counts: bool
) -> None:
    rocket.consent.declare_age(False)
    held = rocket.policy.current
    asked = GuardianRequestState(request="r", about="agreement", version=1, sha256=held.sha256, expires_at=2e9, key="k")
    minors = Minors(rocket._components.decisions)
    minors.note_asked(asked)
    minors.confirm(asked)
    rocket.consent.grant(rocket.consent.notice("improvement"))
    policy = offered(rocket, newer)
    notice = policy.notice()
    if notice is not None:
        assert rocket.consent.status().guardian  # the version that binds is still the one that was agreed to
        policy.shown(notice)
        clock.advance(31 * DAY)
        rocket.sync()
    assert policy.current.version == 2
    assert rocket.consent.status().guardian is counts
    assert rocket._components.permit.field("failure", "improvement").allowed is counts
