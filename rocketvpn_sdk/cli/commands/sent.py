"""``sent``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.clock import utc

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.transport import SentEntry
    from rocketvpn_sdk.witness import Witnessed

_WITNESSED_HEADS = ("WHERE", "WHICH PART OF THE APP", "TIMES", "FIRST", "LAST")
_TIME = "2026-11-22, or 90m, 24h, 7d, 2w ago."
_RECORD = "sent_record"
_SENDERS = {
    "none": "in nobody's name",
    "key": "signed with a key",
    "device": "in this device's name",
    "user": "in your name",
}


@help_text(
    """List what left this device through this component.

    Every call is written down before it goes: when, to whom, why, in whose name, how many bytes, and which fields;
    never their values. The list is checked while it is read: one that was altered or cut is an error. It goes back as
    far as the policy has it kept, or to the last deletion.
    """
)
def sent(
    context: CommandContext,
    since: Annotated[str | None, typer.Option(metavar="TIME", help=f"Only what left then or later: {_TIME}")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only what left before then.")] = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most the newest N; 0 is all.")] = 200,
    witness: Annotated[
        bool, typer.Option("--witness", help="Also where else the app's own code connected to.")
    ] = False,
) -> CommandResult:
    start, end = (words.since(text, datetime.now(UTC)) if text else None for text in (since, until))
    with context.open() as rocket:
        entries = list(rocket.rights.sent(since=start, until=end))
        seen = rocket.rights.witnessed() if witness else None
        field = rocket.policy.current.fields.get(_RECORD)
    kept = str(field.retention.device) if field and field.retention.device else None
    total, newest = len(entries), entries[-limit:] if limit else entries
    document = {"sent": [_entry(each) for each in newest], "total": total, "kept": kept}
    if seen is not None:
        document["witnessed"] = _witnessed(seen)

    def show(out: Out) -> None:
        if total:
            _show(out, newest, total)
        else:
            out.say(_none(chosen=start is not None or end is not None, kept=kept))
        if seen is not None:
            _show_witnessed(out, seen)

    return CommandResult(document, show)


def _entry(each: SentEntry) -> dict[str, Any]:
    return {
        "at": utc(each.at),
        "operation": each.operation,
        "purpose": each.purpose,
        "recipient": each.recipient,
        "identity": each.identity,
        "fields": each.fields,
        "protocol": each.protocol,
        "size": each.size,
        "outcome": each.outcome,
        "tries": each.tries,
    }


def _witnessed(seen: Witnessed) -> dict[str, Any]:
    """Return all but ``watching``: what this command's own process watches is of no interest."""
    return {"connections": seen.connections, "missed": seen.missed, "caveats": seen.caveats}


def _none(*, chosen: bool, kept: str | None) -> str:
    """Return what an empty list means: of a time that was chosen, or of all that is still recorded."""
    if chosen:
        return "The records hold nothing of that time."
    back = f"; they are kept {words.kept(kept)}" if kept else ""
    return f"The records hold nothing that left this device{back}, and go back to the last deletion at most."


def _show(out: Out, newest: list[SentEntry], total: int) -> None:
    for each in newest:
        out.say(f"{words.moment(utc(each.at))} UTC: {each.operation}, {each.outcome}", hanging=2)
        sender = _SENDERS.get(each.identity, words.name(each.identity))
        size = words.counted(each.size, "byte") + (f", sent {each.tries} times" if each.tries > 1 else "")
        about = f"for {words.name(each.purpose)}, to the {words.name(each.recipient)}, {sender}; {size}"
        out.say(about, indent=4, hanging=2)
        along = f"with {words.listed(each.fields, 'nothing about you')}"
        along += f"; and of its own words {words.listed(each.protocol)}" if each.protocol else ""
        out.say(along, indent=4, hanging=2)
    out.say()
    if len(newest) < total:
        out.say(f"These are the newest {len(newest):,} of {total:,}; --limit 0 shows all.")
    out.say("This covers what went through this component; it cannot see what else the app does.")


def _show_witnessed(out: Out, seen: Witnessed) -> None:
    out.say()
    out.say("Where else the app's own code connected to, if the app switched the witness on:")
    if seen.connections:
        rows = [
            (f"{each.host}:{each.port}", each.module, str(each.times), words.day(each.first), words.day(each.last))
            for each in seen.connections
        ]
        out.table(_WITNESSED_HEADS, rows)
    else:
        out.say("Nothing was noted.")
    if seen.missed:
        out.say(f"{words.counted(seen.missed, 'connection')} more found no room.")
    out.say()
    for caveat in seen.caveats:
        out.say(caveat)
