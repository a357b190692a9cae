"""``surveys``: see which there are, answer them, decline them, and take answers back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, codes
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError, ConfirmationNeeded

if TYPE_CHECKING:
    from rocketvpn_sdk import RocketVPN
    from rocketvpn_sdk.surveys import AnswersQueued, PreparedAnswers, Survey, SurveyQuestion

Given = str | int | Sequence[str]
SurveyId = Annotated[str, typer.Argument(metavar="SURVEY", help="As `surveys list` names it.")]
Language = Annotated[str, typer.Option(metavar="TAG", help="The language of the survey, if it has it.")]

_NOTHING = "There is no survey for you now."
_NEEDED = """Surveys are shown to who agreed to them, and answers go through a relay. You agree to each of these:

  rocketvpn consent grant surveys
  rocketvpn consent grant surveys --recipient relay
  rocketvpn consent grant rights --recipient relay
"""
_HOW = {
    "one": "one of these",
    "several": "any of these, with commas",
    "rating": "a number from 1 to 5",
    "text": "your own words",
}


@help_text(
    """List the surveys that you can answer.

    Everybody fetches the same list; which of them are for you is decided here, and nobody is told. Answers that wait
    and are due go along.
    """
)
def list_all(context: CommandContext, language: Language = "en") -> CommandResult:
    with context.open() as rocket:
        rocket.sync()
        found = rocket.surveys.available(language)

    def print_it(out: Out) -> None:
        if not found:
            out.say(_NOTHING)
            out.raw(_NEEDED.rstrip())
            return
        out.table(("SURVEY", "UNTIL", "TITLE"), [(each.id, each.closes, each.title) for each in found])
        out.say()
        out.say(f"Answer with `rocketvpn surveys answer {found[0].id}`.")

    return CommandResult({"surveys": list(found)}, print_it)


@help_text("Show a survey and its questions.")
def show(context: CommandContext, survey: SurveyId, language: Language = "en") -> CommandResult:
    with context.open() as rocket:
        found = _found(rocket, survey, language)
    return CommandResult(found, lambda out: _show(out, found))


@help_text(
    """Answer a survey: every byte that would go is shown first.

    Answers go through a relay and do not say who you are. They wait for a random time, and go when the app runs then,
    or with `surveys list`. Until then, `rocketvpn queue` has them. `surveys erase` takes them back.
    """
)
def answer(
    context: CommandContext,
    survey: SurveyId,
    given: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="QUESTION=ANSWER", help="An answer (repeatable); else you are asked."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; what goes is printed all the same.")] = False,
    language: Language = "en",
) -> CommandResult:
    with context.open() as rocket:
        found = _found(rocket, survey, language)
        answers = _asked(context.out, found) if given is None else _parsed(found, given)
        prepared = rocket.surveys.prepare(survey, answers, language)
        _confirm(context.out, prepared, yes=yes)
        queued = rocket.surveys.answer(survey, prepared)
        rocket.sync()
    document = {"survey": survey, "body": prepared.body.decode(), "queued": queued}
    return CommandResult(document, lambda out: _show_queued(out, survey, queued))


@help_text("Never be offered this survey again; nothing is sent.")
def decline(context: CommandContext, survey: SurveyId) -> CommandResult:
    with context.open() as rocket:
        rocket.surveys.decline(survey)
    return CommandResult({"survey": survey, "declined": True}, lambda out: out.say("You are not asked again."))


@help_text("Take back your answers to a survey, those that were sent too.")
def erase(context: CommandContext, survey: SurveyId) -> CommandResult:
    with context.open() as rocket:
        rocket.surveys.erase(survey)
        rocket.sync()
        waiting = rocket.status().waiting

    def print_it(out: Out) -> None:
        if waiting:
            out.say("They are gone here. The operator is asked to erase them: `rocketvpn queue` shows what waits.")
        else:
            out.say("They are gone here, and the operator said that they are erased there.")

    return CommandResult({"survey": survey, "waiting": waiting}, print_it)


# ---------------------------------------------------------------- inside


def _found(rocket: RocketVPN, survey: str, language: str) -> Survey:
    for each in rocket.surveys.available(language):
        if each.id == survey:
            return each
    raise CommandError(
        "There is no such survey for you now.", advice="See `rocketvpn surveys list`.", exit_code=codes.REFUSED
    )


def _show(out: Out, survey: Survey) -> None:
    out.heading(survey.title)
    out.say(survey.why)
    for question in survey.questions:
        out.say()
        out.say(_question(question))
        for option in question.options:
            out.bullet(f"{option.id}: {option.label}")


def _question(question: SurveyQuestion) -> str:
    needed = ", needed" if question.required else ""
    return f"{question.id}: {question.text} ({_HOW[question.kind]}{needed})"


def _asked(out: Out, survey: Survey) -> dict[str, Given]:
    if out.json or not ask.at_terminal():
        raise ConfirmationNeeded(
            "Nobody can be asked here.", advice="Give each answer with --answer.", exit_code=codes.USER
        )
    out.heading(survey.title)
    out.say(survey.why)
    out.say("Leave out what you do not want to answer: press Enter.")
    return _parsed(survey, [f"{question.id}={_ask(out, question)}" for question in survey.questions])


def _ask(out: Out, question: SurveyQuestion) -> str:
    out.say()
    out.say(_question(question))
    for option in question.options:
        out.bullet(f"{option.id}: {option.label}")
    return ask.line("> ")


def _parsed(survey: Survey, given: Sequence[str]) -> dict[str, Given]:
    """Return answers by question; whether they fit is for ``surveys.prepare`` to say."""
    kinds = {question.id: question.kind for question in survey.questions}
    answers: dict[str, Given] = {}
    for each in given:
        name, written, text = each.partition("=")
        if not written:
            raise CommandError("An answer is written QUESTION=ANSWER.", exit_code=codes.USAGE)
        answers[name] = _value(kinds.get(name, "text"), text)
    return {name: value for name, value in answers.items() if value != "" and value != []}


def _value(kind: str, text: str) -> Given:
    if kind == "several":
        return [part for part in (part.strip() for part in text.split(",")) if part]
    return int(text) if kind == "rating" and text.isascii() and text.isdigit() else text


def _confirm(out: Out, prepared: PreparedAnswers, *, yes: bool) -> None:
    if not out.json:
        out.raw(prepared.to_text())
        out.say()
    if yes:
        return
    if out.json or not ask.at_terminal():
        raise ConfirmationNeeded("Nobody can be asked here.", advice="Confirm it with --yes.", exit_code=codes.USER)
    if ask.line("\nType send to go on: ").casefold() != "send":
        raise ConfirmationNeeded("Stopped: it was not confirmed.", advice="Nothing was sent.")


def _show_queued(out: Out, survey: str, queued: AnswersQueued) -> None:
    when = f"{queued.not_before:%Y-%m-%d %H:%M} UTC"
    out.say(f"Your answers go at {when} at the earliest, when the app runs then or with `rocketvpn surveys list`.")
    out.say(f"You can take them back at any time: `rocketvpn surveys erase {survey}`.")
