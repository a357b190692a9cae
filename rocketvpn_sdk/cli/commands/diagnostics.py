"""``diagnostics``: see, send and save reports of how the app runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocketvpn_sdk.cli import ask, codes, files, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError, ConfirmationNeeded

if TYPE_CHECKING:
    from rocketvpn_sdk.diagnostics import Report, ReportQueued

_NOTHING = "There is nothing to report."
_NEEDED = """A report has what the app records for `improvement`, and goes through a relay. You agree to each of these:

  rocketvpn consent grant improvement
  rocketvpn consent grant improvement --recipient relay
  rocketvpn consent grant rights --recipient relay
"""


@help_text(
    """Show the report that would be sent, byte for byte.

    Nothing is sent. A report does not say who you are, and its times are cut to the hour.
    """
)
def show(context: CommandContext) -> CommandResult:
    with context.open() as rocket:
        report = rocket.diagnostics.prepare()

    def print_it(out: Out) -> None:
        if report is None:
            out.say(_NOTHING)
            out.raw(_NEEDED.rstrip())
        else:
            out.raw(report.to_text())

    return CommandResult(_document(report), print_it)


@help_text(
    """Send the report that `diagnostics show` shows, and nothing else.

    It waits for a random time first, and goes when the app runs then, or with this command. Until then, `rocketvpn
    queue` has it. `rocketvpn consent withdraw improvement` erases what waits, and has what was sent erased.
    """
)
def send(
    context: CommandContext,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; the report is printed all the same.")] = False,
) -> CommandResult:
    with context.open() as rocket:
        rocket.sync()  # what waits from before
        report = rocket.diagnostics.prepare()
        if report is None:
            return CommandResult({"report": None, "queued": None}, lambda out: out.say(_NOTHING))
        _ask(context.out, report, yes=yes)
        queued = rocket.diagnostics.send(report)
        rocket.sync()
    return CommandResult(
        {**_document(report), "queued": queued}, lambda out: _show_queued(out, queued, shown=not out.json)
    )


@help_text("Write the report that would be sent to a file, byte for byte.")
def save(
    context: CommandContext,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - prints it.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> CommandResult:
    files.check(file, context.out, name="FILE", overwrite=force, vault=context.config.folder)
    with context.open() as rocket:
        report = rocket.diagnostics.prepare()
    if report is None:
        raise CommandError(_NOTHING, advice="Nothing was written.", exit_code=codes.REFUSED)
    if files.is_stdout(file):
        return CommandResult(None, lambda _: files.pour(report.body))
    path = files.write(file, report.body, name="FILE", overwrite=force)
    size = words.counted(len(report.body), "byte")
    return CommandResult({"path": str(path), **_document(report)}, lambda out: out.say(f"Written: {path} ({size})"))


def _ask(out: Out, report: Report, *, yes: bool) -> None:
    if not out.json:
        out.raw(report.to_text())
        out.say()
    if yes:
        return
    if out.json or not ask.at_terminal():
        raise ConfirmationNeeded(
            "Nobody can be asked here.",
            advice="See `diagnostics show`, then use --yes.",
            exit_code=codes.USER,
        )
    if ask.line("\nType send to go on: ").casefold() != "send":
        raise ConfirmationNeeded("Stopped: it was not confirmed.", advice="Nothing was sent.")


def _show_queued(out: Out, queued: ReportQueued, *, shown: bool) -> None:
    if shown:
        when = f"{queued.not_before:%Y-%m-%d %H:%M} UTC"
        out.say(f"It goes at {when} at the earliest, with the next `rocketvpn diagnostics send` or when the app runs.")
        out.say("Until then you can take it back: `rocketvpn queue`.")


def _document(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {"report": None}
    return {"report": report.body.decode(), "records": report.records, "left_out": list(report.left_out)}
