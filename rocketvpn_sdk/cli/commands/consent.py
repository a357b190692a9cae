"""``consent``: see, give, refuse and take back what is optional."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer

from rocketvpn_sdk.cli import ask, codes, files, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.plain import plain
from rocketvpn_sdk.cli.problems import ConfirmationNeeded
from rocketvpn_sdk.consent import ConsentChange, ConsentNotice, ConsentReceipt, PurposeStatus
from rocketvpn_sdk.errors import ExportFailed, ValueRefused
from rocketvpn_sdk.files import make_folders, why

Purpose = Annotated[str, typer.Argument(metavar="PURPOSE", help="What it is for; `consent list` names them.")]
Recipient = Annotated[str | None, typer.Option(metavar="NAME", help="A third party, for what that one receives.")]
Language = Annotated[str, typer.Option(metavar="TAG", help="The language of the policy's own sentences.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; the notice is printed all the same.")]

_SERVER = {
    "not_needed": "",
    "waiting": "The server has not heard of it yet; `rocketvpn consent list` shows when it has.",
    "told": "The server knows.",
}


@help_text(
    """List what is optional, and what you said to it.

    What the server has not heard yet is sent first, where it can be reached.
    """
)
def list_all(context: CommandContext) -> CommandResult:
    with context.open() as rocket:
        rocket.consent.deliver()
        status = rocket.consent.status()

    def show(out: Out) -> None:
        rows = [
            (_name(part.purpose, part.recipient), part.state, "yes" if part.effective else "no", _since(part))
            for part in status.purposes
        ]
        out.table(["purpose", "you said", "counts", "since (UTC)"], rows)
        if status.adult is not True and not status.guardian:
            out.say()
            out.say("For someone under 18, or of unknown age, nothing optional counts without a guardian's agreement.")

    return CommandResult(status, show)


@help_text("Show what you would agree to.")
def show_notice(
    context: CommandContext, purpose: Purpose, recipient: Recipient = None, language: Language = "en"
) -> CommandResult:
    with context.open() as rocket:
        notice = rocket.consent.notice(purpose, language, recipient)
    return CommandResult(_document(notice), lambda out: _show(out, notice))


@help_text("Agree, after the notice was shown; `consent withdraw` takes it back.")
def grant(
    context: CommandContext,
    purpose: Purpose,
    recipient: Recipient = None,
    language: Language = "en",
    until: Annotated[str | None, typer.Option(metavar="DAY", help="The day on which it ends by itself.")] = None,
    yes: Yes = False,
) -> CommandResult:
    end = None if until is None else _day(until)
    with context.open() as rocket:
        notice = rocket.consent.notice(purpose, language, recipient)
        _ask(context.out, notice, "agree", yes=yes)
        done = rocket.consent.grant(notice, end)
    return _answer(done, notice)


@help_text("Refuse; what you agreed to before ends as if withdrawn.")
def deny(
    context: CommandContext, purpose: Purpose, recipient: Recipient = None, language: Language = "en", yes: Yes = False
) -> CommandResult:
    with context.open() as rocket:
        notice = rocket.consent.notice(purpose, language, recipient)
        _ask(context.out, notice, "refuse", yes=yes)
        done = rocket.consent.deny(notice)
    return _answer(done, notice)


@help_text(
    """Take a consent back; what is kept here for it is destroyed.

    It holds at once, offline too, and nobody asks whether you are sure.
    """
)
def withdraw(context: CommandContext, purpose: Purpose, recipient: Recipient = None) -> CommandResult:
    with context.open() as rocket:
        done = rocket.consent.withdraw(purpose, recipient)
    return _answer(done)


@help_text(
    """Give you a copy of every consent record, to keep.

    ISO/IEC TS 27560 records as W3C's DPV writes them, in JSON-LD: what you were shown, and when, is part of each.
    """
)
def receipts(
    context: CommandContext,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each into a file of this folder; - prints them.")
    ] = None,
) -> CommandResult:
    if files.is_stdout(output):
        files.check(output, context.out, name="--output")
    elif output is not None:
        files.refuse_vault(output, name="--output", vault=context.config.folder)
    with context.open() as rocket:
        found = rocket.consent.receipts()
    if files.is_stdout(output):
        return CommandResult(None, lambda _: files.pour("".join(f"{each.json()}\n" for each in found).encode()))
    written = [] if output is None else [_written(receipt, output) for receipt in found]

    def show(out: Out) -> None:
        if not found:
            out.say("There is no consent record yet." + (" Nothing was written." if output else ""))
            return
        rows = [(receipt.record_id, _name(receipt.purpose, receipt.recipient)) for receipt in found]
        out.table(["record", "purpose"], rows)
        out.say()
        out.say(f"Written to {output}." if output else "With --output they are written to files, with --json printed.")

    return CommandResult({"receipts": [receipt.document for receipt in found], "files": written}, show)


def _written(receipt: ConsentReceipt, folder: Path) -> str:
    name = f"consent-{receipt.record_id}.jsonld"
    try:
        make_folders(folder.absolute())
    except OSError as error:
        cause, problem = why(error)
        raise ExportFailed(folder=str(folder), problem=problem, cause=cause) from None
    files.write(folder / name, f"{receipt.json()}\n".encode(), name="--output", overwrite=True)
    return str(folder / name)


def _ask(out: Out, notice: ConsentNotice, word: str, *, yes: bool) -> None:
    """Show the notice and go on only if the user types ``word``.

    Raises:
        ConfirmationNeeded: they did not, or nobody can be asked.
    """
    _show(out, notice)
    if yes:
        return
    if out.json or not ask.at_terminal():
        raise ConfirmationNeeded(
            "Nobody can be asked here.", advice="Show it with `consent show`, then use --yes.", exit_code=codes.USER
        )
    if ask.line(f"\nType {word} to go on: ").casefold() != word:
        raise ConfirmationNeeded("Stopped: it was not confirmed.", advice="Nothing was changed.")


def _show(out: Out, notice: ConsentNotice) -> None:
    out.say(f"{notice.title}, version {notice.policy_version} ({notice.language})", style="bold")
    out.say(notice.what, indent=2)
    out.say(notice.why, indent=2)
    for head, sentences in (("Which fields", notice.fields), ("How long", notice.how_long), ("Who", notice.who)):
        out.heading(head)
        for sentence in sentences:
            out.bullet(sentence)
    out.heading("Your choice")
    for sentence in (notice.withdraw, notice.advice):
        out.bullet(sentence)
    out.say()
    out.facts([("questions", notice.contact), ("SHA-256", notice.sha256)])
    out.say()


def _answer(done: ConsentChange, notice: ConsentNotice | None = None) -> CommandResult:
    document: dict[str, Any] = plain(done) | {"sentence": done.sentence}
    if notice is not None:
        document["notice"] = _document(notice)

    def show(out: Out) -> None:
        out.say(f"{_name(done.purpose, done.recipient)}: {done.sentence}")
        if done.rotation_owed:
            out.say("The secret store could not be used: the old root key goes as soon as it can.")
        if done.changed and _SERVER[done.server]:
            out.say(_SERVER[done.server])

    return CommandResult(document, show)


def _document(notice: ConsentNotice) -> dict[str, Any]:
    # The proof is good in this process alone.
    return {name: value for name, value in plain(notice).items() if name != "proof"}


def _name(purpose: str, recipient: str | None) -> str:
    return purpose if recipient is None else f"{purpose}, for {recipient}"


def _since(part: PurposeStatus) -> str:
    if part.since is None:
        return ""
    return words.moment(part.since) + (f", until {words.moment(part.until)}" if part.until else "")


def _day(text: str) -> datetime:
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), time(), UTC)
    except ValueError:
        raise ValueRefused(name="--until", problem="it is not a day such as 2027-01-31") from None
