"""``log``, ``log tail`` and ``log stats``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.journal import Entry, JournalStats

_LOG_LINE = "log.message"


@help_text(
    """Show the app's log as it is stored.

    What is personal was taken out before it was stored; times are to the minute, in UTC. `log tail` shows the newest
    entries, `log stats` how much there is.
    """
)
def log(
    context: CommandContext,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what is newer: 2026-11-22, or 90m, 24h, 7d, 2w ago.")
    ] = None,
    event: Annotated[str | None, typer.Option(metavar="NAME", help="Only this kind, e.g. session.connected.")] = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most the newest N; 0 is all.")] = 200,
) -> CommandResult:
    start = words.since(since, datetime.now(UTC)) if since else None
    with context.open() as rocket:
        entries = list(rocket.journal.read(since=start, event=event, limit=limit or None))
    document = {"entries": entries}
    return CommandResult(document, lambda out: _show(out, entries, limit))


@help_text("Show the newest entries of the log.")
def tail(
    context: CommandContext,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, metavar="N", help="How many.")] = 10,
) -> CommandResult:
    with context.open() as rocket:
        entries = list(rocket.journal.read(limit=lines))
    return CommandResult({"entries": entries}, lambda out: _show(out, entries, 0))


@help_text("Show how much the log holds, and when the next of it goes.")
def stats(context: CommandContext) -> CommandResult:
    with context.open() as rocket:
        found = rocket.journal.stats()
    return CommandResult(found, lambda out: _show_stats(out, found))


def _show_stats(out: Out, found: JournalStats) -> None:
    facts: list[tuple[str, object]] = [
        ("entries", f"{found.records:,}"),
        ("size", f"{words.counted(found.bytes, 'byte')}, sealed"),
        ("oldest", _time(found.oldest)),
        ("newest", _time(found.newest)),
        ("next to go", f"by {_time(found.next_purge)}" if found.next_purge else "none"),
        ("removed early", f"{found.capped:,}, since the log was full"),
        ("not kept", f"{found.dropped:,} dropped and {found.refused:,} refused since this was opened"),
    ]
    out.facts(facts, indent=0)
    if found.by_event:
        out.say()
        rows = sorted(found.by_event.items(), key=lambda item: (-item[1], item[0]))
        out.table(("EVENT", "ENTRIES"), [(event, f"{count:,}") for event, count in rows])


def _time(at: datetime | None) -> str:
    return f"{words.moment(at)} UTC" if at else "none"


def _show(out: Out, entries: list[Entry], limit: int) -> None:
    if not entries:
        out.say("There are no such entries.")
        return
    out.table(("TIME (UTC)", "EVENT", "WHAT"), [(words.moment(each.at), each.event, text(each)) for each in entries])
    if limit and len(entries) == limit:
        out.say()
        out.say(f"These are the newest {limit}; --limit 0 shows all.")


def text(entry: Entry) -> str:
    """Return what an entry says, on one line."""
    fields: dict[str, Any] = {name: value for name, value in entry.fields.items() if value is not None}
    if entry.event != _LOG_LINE:
        return " ".join(f"{name}={value}" for name, value in fields.items())
    parts = (fields.get("level"), f"{fields.get('logger', '')}:", fields.get("message"), fields.get("exception"))
    return " ".join(str(part) for part in parts if part)
