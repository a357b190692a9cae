"""Answers to surveys: held against their questions, written, and read back (U5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.surveying import SURVEY

from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.surveys.answers import decode, encode, parts_of
from rocketvpn_sdk.surveys.offered import shown, usable
from rocketvpn_sdk.wire import Choice, ListedSurvey, Question, SurveyList

pytestmark = pytest.mark.clause("U5")

HANDLE = {"erasure_handle": "0123456789abcdef" * 2}
PART_IDS = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,5}\Z")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@st.composite
def questions(draw: st.DrawFn, name: str) -> Question:
    kind = draw(st.sampled_from(["one", "several", "rating", "text"]))
    choices = draw(st.lists(PART_IDS, min_size=1, max_size=4, unique=True)) if kind in ("one", "several") else []
    return Question(
        id=name,
        kind=kind,
        text={"en": "?"},
        choices=tuple(Choice(id=each, label={"en": each}) for each in choices),
        required=draw(st.booleans()),
    )


@st.composite
def surveys(draw: st.DrawFn) -> ListedSurvey:
    names = draw(st.lists(PART_IDS, min_size=1, max_size=4, unique=True))
    return ListedSurvey(
        id="s",
        title={"en": "T"},
        why={"en": "W"},
        opens=SURVEY.opens,
        closes=SURVEY.closes,
        questions=tuple(draw(questions(name)) for name in names),
    )


@st.composite
def answered(draw: st.DrawFn) -> tuple[ListedSurvey, dict[str, Any]]:
    survey = draw(surveys())
    answers: dict[str, Any] = {}
    for question in survey.questions:
        if not question.required and draw(st.booleans()):
            continue
        ids = [choice.id for choice in question.choices]
        fitting: dict[str, st.SearchStrategy[Any]] = {
            "one": st.sampled_from(ids or ["-"]),
            "several": st.lists(st.sampled_from(ids or ["-"]), min_size=1, unique=True),
            "rating": st.integers(1, 5),
            "text": TEXTS.filter(bool),
        }
        answers[question.id] = draw(fitting[question.kind])
    return survey, answers


@given(answered())
def test_whatever_fits_is_written_read_back_and_nothing_else_is_in_it(given_: tuple[ListedSurvey, dict[str, Any]]):
    survey, answers = given_
    if not answers:
        with pytest.raises(ValueRefused, match="no question"):
            parts_of(survey, answers)
        return
    parts = [HANDLE, *parts_of(survey, answers)]
    body = encode(parts)
    assert decode(body) == parts
    written = json.loads(body)
    assert set(written) == {"erasure_handle", "answers"}
    said = [value for each in written["answers"] for name, value in each.items() if name != "question"]
    wanted = [each for value in answers.values() for each in (value if isinstance(value, list) else [value])]
    order = {question.id: place for place, question in enumerate(survey.questions)}
    assert sorted(map(str, said)) == sorted(map(str, wanted))
    assert [order[each["question"]] for each in written["answers"]] == sorted(
        order[each["question"]] for each in written["answers"]
    )


@given(surveys(), st.dictionaries(PART_IDS, st.one_of(TEXTS, st.integers(), st.lists(PART_IDS, max_size=3))))
def test_whatever_is_given_is_refused_or_is_of_the_survey(survey: ListedSurvey, answers: dict[str, Any]):
    try:
        parts = parts_of(survey, answers)
    except ValueRefused:
        return
    known = {question.id: question for question in survey.questions}
    for part in parts:
        question = known[part["question"]]
        kind = "choice" if question.choices else question.kind
        assert set(part) == {"question", kind}
        assert kind != "choice" or part["choice"] in {choice.id for choice in question.choices}
        assert kind != "rating" or part["rating"] in range(1, 6)
    assert all(each.id in answers for each in survey.questions if each.required)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"erasure_handle": "0", "answers": []}',
        encode([HANDLE, {"question": "a", "rating": 1}]).replace(b" ", b""),
        encode([HANDLE, {"question": "a", "rating": 1}]).replace(b'"rating"', b'"name": "Kim", "rating"'),
        encode([{**HANDLE, "order": "RV"}, {"question": "a", "rating": 1}]),
    ],
)
def test_another_text_is_not_read(body: bytes):
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        decode(body)


def test_a_survey_is_shown_in_the_language_that_there_is():
    assert shown(SURVEY, "de").questions[0].text == "Wie schnell ist deine Verbindung?"
    assert shown(SURVEY, "fr").title == "How fast is it?"


def test_surveys_that_cannot_be_answered_are_left_out():
    twice = Question(id="a", kind="rating", text={"en": "?"})
    choices = (Choice(id="x", label={"en": "x"}),)
    bad = [
        (twice, twice),
        (Question(id="a", kind="one", text={"en": "?"}),),
        (Question(id="a", kind="text", text={"en": "?"}, choices=choices),),
        (Question(id="a", kind="one", text={"en": "?"}, choices=choices * 2),),
    ]
    listed = [
        ListedSurvey(
            id=f"s{n}", title={"en": "T"}, why={"en": "W"}, opens=SURVEY.opens, closes=SURVEY.closes, questions=each
        )
        for n, each in enumerate(bad)
    ]
    assert list(usable(SurveyList(surveys=(*listed, SURVEY, SURVEY)))) == [SURVEY]


@pytest.mark.parametrize("nothing", [[], (), "", None])
def test_an_empty_choice_does_not_pass_for_an_answer_that_is_needed(nothing: Any) -> None:
    needed = Question(
        id="used-for", kind="several", text={"en": "?"}, choices=(Choice(id="a", label={"en": "A"}),), required=True
    )
    asked = ListedSurvey(
        id="s", title={"en": "T"}, why={"en": "W"}, opens=SURVEY.opens, closes=SURVEY.closes,
        questions=(needed, Question(id="stars", kind="rating", text={"en": "?"})),
    )  # fmt: skip
    with pytest.raises(ValueRefused, match="needs an answer"):
        parts_of(asked, {"used-for": nothing, "stars": 3})
