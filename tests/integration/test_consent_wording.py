"""A consent holds for the words that were shown, in the language in which they were: others are asked anew (X3, U7)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest
from support.policies import TEXT

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.policy import Policy, bundled_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

pytestmark = [pytest.mark.clause("X3"), pytest.mark.clause("U7")]

EN, DE = "To design new services.", "Um neue Dienste zu entwerfen."
NEW_EN, NEW_DE = "To design new services and to sell what we learn.", "Um Erkenntnisse zu verkaufen."


def in_languages(value: object, languages: tuple[str, ...]) -> object:
    """Return ``value`` with every sentence in all of ``languages``: what no test looks at says its English text."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value,
            **{
                name: in_languages(getattr(value, name), languages)
                for name in value.__struct_fields__
                if name != "safeguard"  # whose every word counts, whoever reads it
            },
        )
    if isinstance(value, tuple):
        return tuple(in_languages(each, languages) for each in value)
    return dict.fromkeys(languages, value["en"]) if isinstance(value, dict) and "en" in value else value


def version(number: int, **sentences: str) -> Policy:
    """Return a version in the languages of ``sentences``, which say what the purpose ``improvement`` is."""
    document = in_languages(bundled_policy().document, tuple(sentences))
    purposes = tuple(
        msgspec.structs.replace(part, sentence=sentences) if part.id == "improvement" else part
        for part in document.purpose
    )
    return Policy(msgspec.structs.replace(document, version=number, purpose=purposes, effective=date(2026, 12, 1)))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rocket(tmp_path: Path, clock: FakeClock):
    assert EN not in TEXT
    config = Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        clock=clock,
        policy=version(1, en=EN, de=DE),
    )
    with RocketVPN.open(config) as rocket:
        rocket.consent.declare_age(True)
        yield rocket


def bound(rocket: RocketVPN, clock: FakeClock, policy: Policy) -> None:
    """Let a version arrive, be shown where it has to be, and bind."""
    rocket._components.versions.offer(policy)
    notice = rocket.policy.notice()
    if notice is not None:
        rocket.policy.shown(notice)
        clock.advance(31 * DAY)
        rocket.sync()
    assert (rocket.policy.current.version, rocket.policy.pending) == (policy.version, None)


def said(rocket: RocketVPN) -> str:
    (part,) = (
        part for part in rocket.consent.status().purposes if (part.purpose, part.recipient) == ("improvement", None)
    )
    assert part.effective == (part.state == "granted")
    return part.state


@pytest.mark.parametrize(
    ("language", "sentences", "state"),
    [
        ("en", {"en": EN, "de": DE}, "granted"),
        ("en", {"en": NEW_EN, "de": DE}, "unset"),
        ("de", {"en": EN, "de": NEW_DE}, "unset"),
        ("en", {"en": EN, "de": NEW_DE}, "granted"),
        ("de", {"en": NEW_EN, "de": DE}, "granted"),
        ("en", {"en": EN, "de": DE, "fr": "Pour vendre."}, "granted"),
        ("de-AT", {"en": EN, "de": DE, "de-AT": "Zum Verkauf."}, "granted"),  # it was shown in German
        ("fr", {"en": EN, "de": DE, "fr": "Pour vendre."}, "granted"),  # it was shown in English
        ("de", {"en": EN}, "unset"),
    ],
)
def test_what_becomes_of_a_consent(
    rocket: RocketVPN, clock: FakeClock, language: str, sentences: dict[str, str], state: str
) -> None:
    rocket.consent.grant(rocket.consent.notice("improvement", language))
    bound(rocket, clock, version(2, **sentences))
    assert said(rocket) == state
    assert rocket._components.permit.field("failure", "improvement").allowed == (state == "granted")


def test_the_words_come_back_after_the_purpose_was_gone_for_a_version(rocket: RocketVPN, clock: FakeClock) -> None:
    rocket.consent.grant(rocket.consent.notice("improvement"))
    document = version(2, en=EN, de=DE).document
    fields = tuple(
        msgspec.structs.replace(field, purposes=left)
        for field in document.field
        if (left := tuple(name for name in field.purposes if name != "improvement"))
    )
    purposes = tuple(part for part in document.purpose if part.id != "improvement")
    calls = tuple(call for call in document.operation if call.purpose != "improvement")
    bound(rocket, clock, Policy(msgspec.structs.replace(document, field=fields, purpose=purposes, operation=calls)))
    bound(rocket, clock, version(3, en=NEW_EN, de=DE))
    assert said(rocket) == "unset"


def test_who_agreed_to_the_new_words_is_not_asked_again(rocket: RocketVPN, clock: FakeClock) -> None:
    rocket._components.versions.offer(version(2, en=NEW_EN, de=DE))
    rocket.consent.grant(rocket.consent.notice("improvement"))
    bound(rocket, clock, version(2, en=NEW_EN, de=DE))
    assert said(rocket) == "granted"


def test_a_consent_to_what_binds_stays_while_versions_to_come_take_each_other_s_place(rocket: RocketVPN) -> None:
    rocket.consent.grant(rocket.consent.notice("improvement"))
    for number in (2, 3):
        rocket._components.versions.offer(version(number, en=NEW_EN, de=DE))
    assert (rocket.policy.current.version, rocket.policy.pending and rocket.policy.pending.version) == (1, 3)
    assert said(rocket) == "granted"


def test_a_consent_from_before_the_words_were_written_down_is_held_against_the_version_of_then(
    rocket: RocketVPN, clock: FakeClock
) -> None:
    from rocketvpn_sdk.consent.ledger import LEDGER, Ledger

    rocket.consent.grant(rocket.consent.notice("improvement"))
    ledger = rocket._components.vault.get(LEDGER, Ledger)
    assert ledger is not None
    old = msgspec.structs.replace(ledger.entries["improvement"], said="")
    rocket._components.vault.put(LEDGER, ledger.with_entry("improvement", old))
    bound(rocket, clock, version(2, en=EN, de=NEW_DE))
    assert said(rocket) == "granted"
    bound(rocket, clock, version(3, en=NEW_EN, de=NEW_DE))
    assert said(rocket) == "unset"


@pytest.mark.clause("P1", "A1")
@pytest.mark.parametrize(("language", "there", "missing"), [("de", DE, EN), ("en", EN, DE), ("fr", EN, DE)])
def test_the_report_is_in_the_language_that_was_asked_for(
    rocket: RocketVPN, language: str, there: str, missing: str
) -> None:
    rocket.consent.grant(rocket.consent.notice("improvement", "it"))
    report = rocket.rights.view(language=language)
    (story,) = [each for each in report.consents if (each.purpose, each.recipient) == ("improvement", None)]
    said = repr(msgspec.to_builtins(story, enc_hook=str))
    assert there in said
    assert missing not in said
