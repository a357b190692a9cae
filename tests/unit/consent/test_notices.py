"""What is shown before a consent: whole sentences from the newest policy, and proof that it was this."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from support.policies import NEWEST, TEXT, across_text, edited, renumbered, sharing_policy, with_call, without_reports
from support.small_policies import policies

from rocketvpn_sdk.consent.notices import ConsentNotice, Notary, asked_about, make_notice
from rocketvpn_sdk.errors import ConsentNotNeeded, NoticeOutdated, NoticeUnknown, PurposeUnknown, PurposeUnused
from rocketvpn_sdk.policy import EventShape, Policy, bundled_policy, parse_policy

POLICY = bundled_policy()
NOW = 1_800_000_000.0


def notice(purpose: str = "improvement", *, language: str = "en", recipient: str | None = None) -> ConsentNotice:
    return make_notice(sharing_policy() if recipient else POLICY, purpose, recipient, language, NOW)


@pytest.mark.clause("P1", "P3", "M1")
def test_a_notice_says_what_why_which_fields_how_long_who_how_to_withdraw_and_whom_to_ask():
    shown = notice()
    assert (shown.policy_version, shown.sha256, shown.language) == (POLICY.version, POLICY.sha256, "en")
    assert POLICY.purposes["improvement"].sentence["en"] in shown.text
    used = [field for field in POLICY.document.field if "improvement" in field.purposes]
    assert len(shown.fields) == len(used) > 5
    for field in used:
        assert field.sentence["en"] in shown.text
        assert field.id in " ".join(shown.how_long)
    assert "30 days" in " ".join(shown.how_long)
    assert POLICY.recipients["operator"].sentence["en"] in shown.text
    assert POLICY.recipients["operator"].safeguard["en"] in shown.text
    assert "take it back at any time" in shown.withdraw
    assert POLICY.contact in shown.text
    assert "under 18" in shown.advice
    assert all(sentence.endswith((".", "/")) for sentence in shown.sentences)


@pytest.mark.clause("P1")
def test_a_language_that_the_policy_lacks_falls_back_to_english_and_the_notice_says_so():
    assert notice(language="de").language == "en"
    german = TEXT
    for line in [line for line in TEXT.split("\n") if ".en = " in line]:
        german = german.replace(line, line + "\n" + line.replace(".en = ", ".de = "), 1) if line in german else german
    policy = parse_policy(german)
    assert make_notice(policy, "improvement", None, "de-AT", NOW).language == "de"


@pytest.mark.clause("U7")
def test_a_purpose_that_the_policy_does_not_know_cannot_be_asked_about():
    with pytest.raises(PurposeUnknown, match="cross_service/partner and rights/relay") as error:
        notice("advertising")
    assert error.value.params["purpose"] == "advertising"


@pytest.mark.clause("U6")
def test_the_notice_about_use_across_services_says_that_the_signal_against_it_stops():
    policy = parse_policy(across_text())
    shown = make_notice(policy, "cross_service", None, "en", NOW)
    (effect,) = shown.effects
    assert "Sec-GPC" in effect
    assert "stops" in effect
    assert effect in shown.sentences
    assert make_notice(policy, "improvement", None, "en", NOW).effects == ()


@pytest.mark.clause("U5", "U6", "U7")
def test_attack_a_consent_to_nothing_that_could_be_filled_later_cannot_be_asked_for():
    asked = [part.id for part in POLICY.document.purpose if part.necessity == "consent"]
    for purpose in ("cross_service", "surveys"):
        assert purpose in asked
        if any(operation.purpose == purpose for operation in POLICY.document.operation):
            continue
        with pytest.raises(PurposeUnused, match="nothing is used for it now") as error:
            make_notice(POLICY, purpose, None, "en", NOW)
        assert "Declare an operation" in error.value.hint
        assert (purpose, None) not in asked_about(POLICY)


@pytest.mark.clause("U7")
def test_a_field_that_nothing_carries_makes_no_purpose_one_to_agree_to():
    quiet = without_reports(TEXT)
    text = edited("field", "region", 'purposes = ["service"', 'purposes = ["cross_service", "service"', text=quiet)
    with pytest.raises(PurposeUnused):
        make_notice(parse_policy(text), "cross_service", None, "en", NOW)
    shown = make_notice(parse_policy(with_call(text, "sister.suggest", purpose="cross_service", fields='["region"]')),
                        "cross_service", None, "en", NOW)  # fmt: skip
    assert len(shown.fields) == 1


@pytest.mark.clause("U7")
def test_attack_a_call_that_can_never_be_made_makes_no_purpose_one_to_agree_to():
    quiet = without_reports(TEXT)
    text = edited("field", "region", 'purposes = ["service"', 'purposes = ["cross_service", "service"', text=quiet)
    text = with_call(text, "sister.suggest", purpose="cross_service", fields='["region"]')
    by_name = parse_policy(edited("operation", "sister.suggest", '"none"', '"device"', text=text))
    assert ("cross_service", None) in asked_about(parse_policy(text))
    assert ("cross_service", None) not in asked_about(by_name)  # no token is there for that purpose


@pytest.mark.clause("U7")
def test_an_app_s_own_event_makes_a_purpose_one_to_agree_to():
    event = EventShape("poll.seen", "surveys", (("erasure_handle", (str,)),))
    quiet = parse_policy(without_reports(TEXT))
    assert ("surveys", None) not in asked_about(quiet)
    assert ("surveys", None) in asked_about(quiet, (event,))
    shown = make_notice(quiet, "surveys", None, "en", NOW, (event,))
    assert (len(shown.fields), len(shown.how_long), len(shown.who)) == (1, 1, 1)


@pytest.mark.clause("U7", "S1")
@given(policies)
def test_nothing_can_be_agreed_to_without_a_field_a_time_and_a_recipient(policy: Policy):
    for purpose, recipient in asked_about(policy):
        shown = make_notice(policy, purpose, recipient, "en", NOW)
        assert shown.fields
        assert shown.how_long
        assert all("on this device, not kept; on the server, not kept" not in line for line in shown.how_long)
        assert shown.who
        carried = [each for each in policy.document.operation if each.purpose == purpose and each.fields]
        recorded = [each for each in policy.document.event if each.purpose == purpose and each.fields]
        by_name = [each for each in policy.document.operation if each.purpose == purpose and each.identity != "none"]
        assert carried or by_name or (recorded and recipient is None)


@pytest.mark.parametrize("purpose", ["service", "security", "software", "rights"])
def test_what_is_necessary_is_not_asked_about(purpose: str):
    with pytest.raises(ConsentNotNeeded, match="necessary"):
        notice(purpose)


@pytest.mark.clause("S1", "S2")
def test_a_third_party_is_asked_about_by_name_with_what_it_gets_and_its_safeguard():
    shown = notice("service", recipient="acme")
    assert "acme may receive something" in shown.what
    assert "A contract." in " ".join(shown.who)
    assert len(shown.fields) == 1  # the one that a call carries for it; two more are declared
    assert "It signed a contract on 2026-10-01." in " ".join(shown.who)
    assert "Its country: DE." in " ".join(shown.who)
    with pytest.raises(PurposeUnknown):
        notice("service", recipient="sister")  # an affiliate is bound by the policy and not asked about
    with pytest.raises(PurposeUnknown):
        make_notice(POLICY, "improvement", "acme", "en", NOW)


@pytest.mark.clause("S1")
def test_a_purpose_s_own_notice_names_no_third_party():
    shown = make_notice(sharing_policy(), "improvement", None, "en", NOW)
    assert "A company that helps." not in shown.text
    assert "A company of the same group." in shown.text


def test_everything_that_can_be_asked_about_has_a_notice():
    policy = sharing_policy()
    assert ("surveys", "acme") in asked_about(policy)
    for purpose, recipient in asked_about(policy):
        assert make_notice(policy, purpose, recipient, "en", NOW).fields or recipient is None


# ---------------------------------------------------------------- the proof


@pytest.fixture
def notary() -> Notary:
    return Notary()


def test_its_own_notice_passes(notary: Notary):
    notary.check(notary.seal(notice()), POLICY)


@pytest.mark.clause("M2", "U7")
@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "surveys"},
        {"recipient": "acme"},
        {"policy_version": NEWEST + 1},
        {"language": "de"},
        {"why": "Because."},
        {"fields": ()},
        {"proof": b""},
        {"proof": b"x" * 32},
    ],
)
def test_attack_an_altered_notice(notary: Notary, change: dict[str, object]):
    forged = msgspec.structs.replace(notary.seal(notice()), **change)
    with pytest.raises(NoticeUnknown, match="U7"):
        notary.check(forged, POLICY)


@pytest.mark.clause("U7")
def test_attack_a_notice_made_by_another_process(notary: Notary):
    with pytest.raises(NoticeUnknown):
        notary.check(Notary().seal(notice()), POLICY)


@pytest.mark.clause("M2", "X2")
def test_attack_a_notice_of_an_older_version(notary: Notary):
    newer = parse_policy(renumbered(NEWEST + 1))
    with pytest.raises(NoticeOutdated, match=f"shows version {NEWEST}, and version {NEWEST + 1} is there now"):
        notary.check(notary.seal(notice()), newer)


def test_the_proof_does_not_show():
    assert "proof=…" in repr(Notary().seal(notice()))
