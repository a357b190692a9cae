"""The demo's survey and offer, chosen on the device; and a notice of the operator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rocketvpn_sdk import wire
from rocketvpn_sdk.cli.demo.session_lines import PERSONAL
from rocketvpn_sdk.cli.demo.stage import ORDER, Stage
from rocketvpn_sdk.cli.demo.traces import Search
from rocketvpn_sdk.client import RocketVPN

_SURVEY, _OFFER = "speed", "files"
_FRIEND = "friend's e-mail"
_ASKED = (("surveys", None), ("surveys", "relay"), ("cross_service", None), ("cross_service", "partner"))


def ask(stage: Stage, rocket: RocketVPN) -> None:
    """Answer a survey, take an offer and read a notice; called while the relay runs."""
    stage.narrator.step("You are asked something, and nobody learns who answered")
    _sign(stage)
    before = len(stage.sandbox.requests)
    without = (rocket.surveys.available(), rocket.offers.available())
    fetched, between = _fetched(stage, before), len(stage.sandbox.requests)
    for purpose, recipient in _ASKED:
        rocket.consent.grant(rocket.consent.notice(purpose, recipient=recipient))
    shown = [each.id for each in rocket.surveys.available()] + [each.id for each in rocket.offers.available()]
    stage.checks.add(
        "chosen-on-the-device",
        without == ((), ()) and shown == [_SURVEY, _OFFER] and {"surveys", "offers"} <= fetched,
        "Everybody fetches the same lists. What is for you was chosen here, after you agreed, and nobody was told.",
    )
    _answer(stage, rocket, between)
    _read(stage, rocket)


def _answer(stage: Stage, rocket: RocketVPN, before: int) -> None:
    answers = rocket.surveys.prepare(_SURVEY, {"stars": 4, "words": f"Ask {PERSONAL[_FRIEND]}."})
    rocket.surveys.answer(_SURVEY, answers)
    link = rocket.offers.take(_OFFER).link
    stage.narrator.say("You answered the survey, and took the offer: its company learned which one, and not who.")
    rocket.sync()
    there = stage.sandbox.survey_responses
    arrived = [
        each for each in stage.sandbox.requests[before:] if each.path.startswith(("/v1/surveys/", "/v1/offers/"))
    ]
    content = b"\n".join(repr((each.path, each.headers)).encode() + each.body for each in arrived)
    found = Search({**PERSONAL, "order number": ORDER, "device number": stage.device_id}).data(content, "answers")
    stage.checks.add(
        "answers-name-nobody",
        there == [answers.body.decode()] and len(arrived) == 2 and not found and link.startswith("https://"),
        "What arrived is what was shown, without the e-mail address that you wrote. Nothing in it says who you are.",
    )
    for purpose in ("surveys", "cross_service"):
        rocket.consent.withdraw(purpose)
    rocket.sync()
    stage.checks.add(
        "answers-are-erased",
        not stage.sandbox.survey_responses and not rocket.status().waiting,
        "You took it back, and the server erased your answers.",
    )


def _read(stage: Stage, rocket: RocketVPN) -> None:
    rocket.policy.check()
    notices = rocket.status().notices
    for notice in notices:
        stage.narrator.say(f"The operator has a notice: {notice.title} What you can do: {notice.do}")
        rocket.policy.acknowledge(notice)
    stage.checks.add(
        "notice-reaches-you",
        len(notices) == 1 and not rocket.status().notices,
        "A signed notice of a breach reached you, with what to do; it stays until you have read it.",
    )


def _sign(stage: Stage) -> None:
    today = datetime.now(UTC).date()
    opens, closes = today - timedelta(1), today + timedelta(30)
    questions = (
        wire.Question(id="stars", kind="rating", text={"en": "How do you like it?"}, required=True),
        wire.Question(id="words", kind="text", text={"en": "What should be better?"}),
    )
    survey = wire.ListedSurvey(
        id=_SURVEY,
        title={"en": "How fast is it?"},
        why={"en": "To know where servers are missing."},
        questions=questions,
        audience=wire.Audience(from_version="1.0"),
        opens=opens,
        closes=closes,
    )
    offer = wire.ListedOffer(
        id=_OFFER,
        title={"en": "Rocket Files"},
        text={"en": "Storage for three months."},
        server=stage.sandbox.url,
        opens=opens,
        closes=closes,
    )
    notice = wire.ListedNotice(
        id="breach",
        kind="breach",
        published=today,
        title={"en": "A backup was copied."},
        what={"en": "It had e-mail addresses."},
        do={"en": "Be careful with e-mails that ask for a code."},
    )
    for signed in (wire.SurveyList(surveys=(survey,)), wire.OfferList(offers=(offer,))):
        stage.sandbox.sign(signed)
    stage.sandbox.sign(wire.NoticeList(notices=(notice,)))


def _fetched(stage: Stage, before: int) -> set[str]:
    """Return the folders of the signed files that were asked for."""
    paths = (each.path for each in stage.sandbox.requests[before:])
    return {path.split("/")[3] for path in paths if path.startswith("/tuf/targets/")}
