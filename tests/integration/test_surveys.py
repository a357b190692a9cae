"""Surveys: shown to who agreed, answered as was shown, without a name, and taken back (U5)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from support.contract import Contract
from support.reporting import agree
from support.surveying import ANSWERS, CONSENTS, SURVEY, TODAY, for_versions, listed, survey, surveyed
from support.world import World

from rocketvpn_sdk import Limits, RocketVPN
from rocketvpn_sdk.consent.responses import SURVEYS, SurveyRecord
from rocketvpn_sdk.errors import EgressBlocked, NotCancellable, UpdateRefused, ValueRefused
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.surveys import PreparedAnswers
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.wire import Audience, Question, SurveyList

pytestmark = pytest.mark.clause("U5")

ID = SURVEY.id


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("surveys") / "sandbox") as sandbox, sandbox.relayed():
        yield sandbox


@pytest.fixture
def user(relayed: Sandbox, tmp_path: Path) -> World:
    relayed.sign(listed())
    return World(relayed, tmp_path / "client")


def ids(rocket: RocketVPN, language: str = "en") -> list[str]:
    return [each.id for each in rocket.surveys.available(language)]


def prepared(rocket: RocketVPN) -> PreparedAnswers:
    rocket.surveys.available()
    return rocket.surveys.prepare(ID, ANSWERS)


# ---------------------------------------------------------------- who is shown what


@pytest.mark.clause("M1")
def test_a_survey_is_shown_to_who_agreed_and_to_nobody_else(user: World) -> None:
    with surveyed(user) as rocket:
        assert ids(rocket) == []
        with pytest.raises(EgressBlocked):
            rocket.surveys.prepare(ID, ANSWERS)
        agree(rocket)  # to other things
        assert ids(rocket) == []
        agree(rocket, CONSENTS)
        (shown,) = rocket.surveys.available("de-AT")
        assert (shown.title, shown.why) == ("Wie schnell ist es?", "To know where we need more servers.")
        assert [question.kind for question in shown.questions] == ["one", "several", "rating", "text"]
        assert [option.label for option in shown.questions[0].options] == ["Fast", "Slow"]
        rocket.consent.declare_age(False)  # a minor: what is optional ends
        assert ids(rocket) == []
        with pytest.raises(EgressBlocked):
            rocket.surveys.answer(ID, ANSWERS)


def test_an_app_that_collects_nothing_has_no_surveys(user: World) -> None:
    with surveyed(user, collect=False) as rocket:
        agree(rocket, CONSENTS)
        assert ids(rocket) == []
        with pytest.raises(ValueRefused, match="no such survey"):
            rocket.surveys.answer(ID, ANSWERS)


def test_a_text_that_grows_when_it_is_scrubbed_is_refused_before_it_is_shown(user: World) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        rocket.surveys.available()
        with pytest.raises(ValueRefused, match="too long"):
            rocket.surveys.prepare(ID, {"speed": "fast", "words": "a@b.de " * 142})


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"audience": Audience(platforms=("linux", "windows", "macos", "other"))}, True),
        ({"audience": Audience(share=0)}, False),
        ({"audience": for_versions("1.4.2", "1.4.3")}, True),
        ({"audience": for_versions("1.4.3")}, False),
        ({"audience": for_versions("1.0", "1.4.2")}, False),
        ({"opens": TODAY + timedelta(3)}, False),
        ({"closes": TODAY - timedelta(3)}, False),
    ],
)
def test_which_survey_is_for_whom_is_decided_here(user: World, changes: dict[str, object], meant: bool) -> None:
    if "closes" in changes:
        changes |= {"opens": TODAY - timedelta(9)}
    user.sandbox.sign(listed(survey(**changes)))
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        assert ids(rocket) == ([ID] if meant else [])
        if not meant:
            with pytest.raises(ValueRefused, match="no such survey"):
                rocket.surveys.prepare(ID, ANSWERS)


def test_a_slip_in_one_survey_does_not_take_the_others_along(user: World) -> None:
    broken = survey(id="broken", questions=(Question(id="a", kind="one", text={"en": "?"}),))
    with pytest.raises(ValueError, match="choices"):
        user.sandbox.sign(listed(broken))
    user.sandbox.publish_target("surveys/surveys.json", msgspec.json.encode(SurveyList(surveys=(broken, SURVEY))))
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        assert ids(rocket) == [ID]
        user.sandbox.publish_target("surveys/surveys.json", b'{"format": 2, "surveys": "?"}')
        with pytest.raises(UpdateRefused):
            rocket.surveys.available()


def test_no_list_is_no_survey(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "sandbox") as sandbox, surveyed(World(sandbox, tmp_path / "client")) as rocket:
        agree(rocket, CONSENTS)
        assert rocket.surveys.available() == ()


# ---------------------------------------------------------------- answering


@pytest.mark.clause("S1", "C2")
def test_what_is_shown_is_what_arrives_and_says_nobodys_name(user: World) -> None:
    before = len(user.sandbox.requests)
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        answers = prepared(rocket)
        text = answers.to_text()
        assert text.endswith(answers.body.decode())
        assert "A company of its own" in text
        assert "kim@example.org" not in text
        assert "192.0.2.7" not in text
        assert repr(answers.handle) not in repr(answers)
        rocket.surveys.answer(ID, answers)
        rocket.sync()
        assert rocket.status().waiting == 0
        assert answers.body.decode() in user.sandbox.survey_responses
        inner, outer = [entry for entry in rocket.rights.sent() if entry.operation.startswith("surveys.")]
        assert (inner.operation, inner.recipient, inner.identity, inner.outcome) == (
            "surveys.answer",
            "operator",
            "none",
            "200",
        )
        wanted = {"survey_id", "survey_question", "survey_choice", "survey_rating", "survey_text", "erasure_handle"}
        assert set(inner.fields) == wanted
        assert rocket.rights.sent_matches(inner, answers.body)
        assert (outer.operation, outer.recipient, outer.fields) == ("surveys.relay", "relay", ("sealed_message",))
        assert ids(rocket) == []
    (arrived,) = [each for each in user.sandbox.requests[before:] if each.path == f"/v1/surveys/{ID}/responses"]
    assert arrived.body == answers.body
    Contract().check_request(arrived)
    assert {name for name, _ in arrived.headers} == {
        "host", "accept-encoding", "content-length", "content-type", "accept", "idempotency-key",
    }  # fmt: skip


def test_answers_can_be_sent_without_a_preview_and_have_a_number_of_their_own_each_time(user: World) -> None:
    second = survey(id="second")
    user.sandbox.sign(listed(SURVEY, second))
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        rocket.surveys.available()
        rocket.surveys.answer(ID, {"speed": "fast"})
        rocket.surveys.answer("second", {"speed": "fast"})
        record = rocket._components.vault.get(SURVEYS, SurveyRecord)
        assert record is not None
        assert len({each.handle for each in record.answered}) == 2
        held = [value.field for value in rocket.rights.view().here]
        assert (held.count("erasure_handle"), held.count("survey_record")) == (2, 1)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"stars": 2},  # the one that is needed is missing
        {"speed": "medium"},
        {"speed": 3},
        {"speed": ["fast", "slow"]},
        {"speed": "fast", "used-for": ["work", "work"]},
        {"speed": "fast", "used-for": ["sleep"]},
        {"speed": "fast", "stars": 6},
        {"speed": "fast", "stars": "5"},
        {"speed": "fast", "words": "a" * 1001},
        {"speed": "fast", "words": 7},
        {"speed": "fast", "name": "Kim"},  # a question that nobody asked
    ],
)
def test_answers_have_to_fit_the_questions(user: World, answers: dict[str, object]) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        rocket.surveys.available()
        with pytest.raises(ValueRefused):
            rocket.surveys.answer(ID, answers)  # type: ignore[arg-type] # that is the point
        assert rocket.queue.items() == ()


def test_words_of_ones_own_go_only_where_the_survey_asks_for_them(user: World) -> None:
    asks_no_words = survey(questions=SURVEY.questions[:3])
    user.sandbox.sign(listed(asks_no_words))
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        rocket.surveys.available()
        with pytest.raises(ValueRefused, match="does not have"):
            rocket.surveys.answer(ID, ANSWERS)
        plain = rocket.surveys.prepare(ID, {"speed": "fast"})
        assert not plain.texts
        assert "your own words" not in plain.to_text()


@pytest.mark.clause("S1")
@pytest.mark.parametrize("missing", range(len(CONSENTS)))
def test_nothing_goes_without_each_consent(user: World, missing: int) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        answers = prepared(rocket)
        rocket.consent.withdraw(*CONSENTS[missing])
        there = len(user.sandbox.survey_responses)
        with pytest.raises(EgressBlocked):
            rocket.surveys.answer(ID, answers)
        rocket.sync()
        assert len(user.sandbox.survey_responses) == there
        assert rocket.queue.items() == ()


@pytest.mark.clause("S1")
@pytest.mark.parametrize(
    ("consent", "left"), [(CONSENTS[0], ["diagnostics.erase"]), (CONSENTS[1], []), (CONSENTS[2], [])]
)
def test_answers_that_wait_go_with_each_consent_that_they_need(
    user: World, consent: tuple[str, str | None], left: list[str]
) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        rocket.surveys.answer(ID, prepared(rocket))
        rocket.consent.withdraw(*consent)
        assert [item.operation for item in rocket.queue.items()] == left


def test_answers_wait_for_a_random_time(user: World) -> None:
    clock = FakeClock(time.time())
    with surveyed(user, clock=clock, limits=Limits()) as rocket:
        agree(rocket, CONSENTS)
        queued = rocket.surveys.answer(ID, prepared(rocket))
        assert 0 <= queued.not_before.timestamp() - clock.time() <= 6 * 3600
        there = len(user.sandbox.survey_responses)
        rocket.sync()
        assert len(user.sandbox.survey_responses) == there


def test_answers_that_were_prepared_before_a_survey_ended_do_not_go_after_it(user: World) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        answers = prepared(rocket)
        user.sandbox.sign(listed(survey(opens=TODAY - timedelta(9), closes=TODAY - timedelta(2))))
        rocket.surveys.available()
        with pytest.raises(ValueRefused, match="no such survey"):
            rocket.surveys.answer(ID, answers)
        assert rocket.queue.items() == ()


@pytest.mark.parametrize(
    ("words", "shown"), [("[ip]-@4111111111111111", "[ip][email]"), ("192.0.2.7eyJhbGciOi.abc.def", "[ip][token]")]
)
def test_words_in_which_a_replacement_completes_an_address_go_as_they_were_shown(
    user: World, words: str, shown: str
) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        rocket.surveys.available()
        answers = rocket.surveys.prepare(ID, {"speed": "fast", "words": words})
        assert f'"{shown}"'.encode() in answers.body
        rocket.surveys.answer(ID, answers)
        rocket.sync()
        assert rocket.queue.items() == ()
        assert answers.body.decode() in user.sandbox.survey_responses


# ---------------------------------------------------------------- declining, taking back


def test_a_survey_is_answered_once_and_a_refusal_is_remembered(user: World) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        answers = prepared(rocket)
        rocket.surveys.answer(ID, answers)
        with pytest.raises(ValueRefused, match="answered already"):
            rocket.surveys.answer(ID, answers)
    other = World(user.sandbox, user.folder.with_name("other"))
    with surveyed(other) as rocket:
        agree(rocket, CONSENTS)
        answers = prepared(rocket)
        before = len(user.sandbox.requests)
        rocket.surveys.decline(ID)
        assert len(user.sandbox.requests) == before  # nobody is told
        with pytest.raises(ValueRefused):
            rocket.surveys.answer(ID, answers)
        with pytest.raises(ValueRefused):
            rocket.surveys.decline(ID)
    with surveyed(other) as rocket:
        assert ids(rocket) == []


@pytest.mark.clause("A3")
def test_answers_are_taken_back_and_can_be_given_again(user: World) -> None:
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        first = prepared(rocket)
        rocket.surveys.answer(ID, first)
        rocket.sync()
        rocket.surveys.erase(ID)
        (waiting,) = rocket.queue.items()
        with pytest.raises(NotCancellable):
            rocket.queue.cancel(waiting.id)
        rocket.sync()
        assert rocket.status().waiting == 0
        assert first.body.decode() not in user.sandbox.survey_responses
        assert first.handle not in str(user.sandbox.rows())
        with pytest.raises(ValueRefused):
            rocket.surveys.erase(ID)
        with pytest.raises(ValueRefused, match="prepare them again"):
            rocket.surveys.answer(ID, first)  # under its number the operator keeps nothing any more
        again = prepared(rocket)
        assert again.handle != first.handle
        rocket.surveys.answer(ID, again)
        rocket.sync()
        assert again.body.decode() in user.sandbox.survey_responses


@pytest.mark.clause("A3")
def test_a_withdrawal_erases_what_waits_and_what_was_sent(user: World) -> None:
    user.sandbox.sign(listed(SURVEY, survey(id="second")))
    with surveyed(user) as rocket:
        agree(rocket, CONSENTS)
        first = prepared(rocket)
        rocket.surveys.answer(ID, first)
        rocket.sync()
        waits = rocket.surveys.prepare("second", {"speed": "fast"})
        rocket.surveys.answer("second", waits)
        rocket.consent.withdraw("surveys")
        assert {item.operation for item in rocket.queue.items()} == {"diagnostics.erase"}
        rocket.sync()
        assert rocket.status().waiting == 0
        assert not {first.body.decode(), waits.body.decode()} & set(user.sandbox.survey_responses)
        assert not {"erasure_handle", "survey_record"} & {held.field for held in rocket.rights.view().here}


@pytest.mark.clause("R1")
def test_handles_are_forgotten_in_time_and_answers_expire(user: World) -> None:
    clock = FakeClock(time.time())
    with Sandbox(user.folder / "sandbox", clock=clock) as sandbox, sandbox.relayed():
        sandbox.sign(listed(SURVEY, survey(id="second", closes=date(2100, 1, 1))))
        with surveyed(World(sandbox, user.folder / "client"), clock=clock) as rocket:
            agree(rocket, CONSENTS)
            rocket.surveys.answer(ID, prepared(rocket))
            rocket.sync()
            rocket.surveys.answer("second", {"speed": "fast"})  # never gets away
            assert len(sandbox.survey_responses) == 1
            clock.advance(91 * 86400)
            rocket._maintenance.tidy()
            record = rocket._components.vault.get(SURVEYS, SurveyRecord)
            assert record is not None
            assert [(each.survey, each.handle) for each in record.answered] == [(ID, ""), ("second", "")]
            assert rocket.queue.items() == ()
            with pytest.raises(ValueRefused, match="any more"):
                rocket.surveys.erase(ID)
            rocket.ask_server()
            assert sandbox.survey_responses == []
