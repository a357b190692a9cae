"""``sent``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.clock import utc

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.transport import SentEntry
    from rocketvpn_sdk.witness import Witnessed

_HEADS = ("TIME (UTC)", "WHAT", "ANSWER", "FIELDS THAT WENT ALONG")
_WITNESSED_HEADS = ("WHERE", "WHICH PART OF THE APP", "TIMES", "FIRST", "LAST")
_TIME = "2026-11-22, or 90m, 24h, 7d, 2w ago."


def sent(
    call: Call,
    since: Annotated[str | None, typer.Option(metavar="TIME", help=f"Only what left then or later: {_TIME}")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only what left before then.")] = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most the newest N; 0 is all.")] = 200,
    witness: Annotated[
        bool, typer.Option("--witness", help="Also where else the app's own code connected to.")
    ] = False,
) -> Answer:
    """List what left this device through this component.

    Every call is written down before it goes: when, to whom, why, and which fields; never their values. The list is
    checked while it is read: one that was altered or cut is an error.
    """
    start, end = (words.since(text, datetime.now(UTC)) if text else None for text in (since, until))
    with call.open() as rocket:
        entries = list(rocket.rights.sent(since=start, until=end))
        seen = rocket.rights.witnessed() if witness else None
    entries = entries[-limit:] if limit else entries
    document = {"sent": [_entry(each) for each in entries]} | ({"witnessed": _witnessed(seen)} if seen else {})

    def show(out: Out) -> None:
        _show(out, entries)
        if seen is not None:
            _show_witnessed(out, seen)

    return Answer(document, show)


def _entry(each: SentEntry) -> dict[str, Any]:
    return {
        "at": utc(each.at),
        "operation": each.operation,
        "purpose": each.purpose,
        "recipient": each.recipient,
        "identity": each.identity,
        "fields": each.fields,
        "size": each.size,
        "outcome": each.outcome,
        "tries": each.tries,
    }


def _witnessed(seen: Witnessed) -> dict[str, Any]:
    """Return all but ``watching``: what this command's own process watches is of no interest."""
    return {"connections": seen.connections, "missed": seen.missed, "caveats": seen.caveats}


def _show(out: Out, entries: list[SentEntry]) -> None:
    if not entries:
        out.say("Nothing has left this device.")
        return
    rows = [
        (words.moment(utc(each.at)), each.operation, each.outcome, ", ".join(each.fields) or "none") for each in entries
    ]
    out.table(_HEADS, rows)
    out.say()
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
