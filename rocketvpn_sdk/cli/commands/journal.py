"""``log``, ``log tail`` and ``log stats``."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.plain import clean
from rocketvpn_sdk.journal import Entry, JournalStats

if TYPE_CHECKING:
    from rocketvpn_sdk.client import RocketVPN

_LOG_LINE = "log.message"
_LOOK_AGAIN = 1.0
"""Seconds between two looks at the log, for ``--follow``."""
_LATE = timedelta(minutes=2)
"""What another process recorded comes this much later at most; times are to the minute."""

Event = Annotated[str | None, typer.Option(metavar="NAME", help="Only this kind, e.g. session.connected.")]
Level = Annotated[str | None, typer.Option(metavar="LEVEL", help="Only lines of this level and above: WARNING.")]
Logger = Annotated[str | None, typer.Option(metavar="NAME", help="Only lines of this logger and those below it.")]
Having = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="Only lines with this in them, in any case.")
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only what is newer: 2026-11-22, or 90m, 24h, 7d, 2w ago.")
]


class Wanted(NamedTuple):
    """Which entries the options ask for."""

    event: str | None = None
    level: str | None = None
    logger: str | None = None
    text: str | None = None

    def read(self, rocket: RocketVPN, since: datetime | None) -> Iterator[Entry]:
        """Yield those entries, oldest first.

        Raises:
            ValueRefused: there is no such level.
            VaultError: the log cannot be read.
        """
        level = self.level.upper() if self.level else None
        for entry in rocket.journal.read(since=since, event=self.event, level=level):
            logger = f"{entry.fields.get('logger') or ''}."
            if (self.logger is None or logger.startswith(f"{self.logger}.")) and (
                self.text is None or self.text.casefold() in text(entry).casefold()
            ):
                yield entry


@help_text(
    """Show the app's log as it is stored.

    What is personal was taken out before it was stored; times are to the minute, in UTC. `log tail` shows the newest
    entries, `log stats` how much there is, `log export` writes them to a file, `log import` takes in older logs.
    """
)
def log(
    context: CommandContext,
    since: Since = None,
    event: Event = None,
    level: Level = None,
    logger: Logger = None,
    having: Having = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most the newest N; 0 is all.")] = 200,
) -> CommandResult:
    start = words.since(since, datetime.now(UTC)) if since else None
    with context.open() as rocket:
        entries = list(
            deque(Wanted(event, level, logger, having).read(rocket, start), maxlen=min(limit, sys.maxsize) or None)
        )
    document = {"entries": entries}
    return CommandResult(document, lambda out: _show(out, entries, limit))


@help_text(
    """Show the newest entries of the log.

    With --follow it goes on with each new one until Ctrl-C; with --json, each entry is then a line of its own.
    """
)
def tail(
    context: CommandContext,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, metavar="N", help="How many.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is recorded, until Ctrl-C.")] = False,
    event: Event = None,
    level: Level = None,
    logger: Logger = None,
    having: Having = None,
) -> CommandResult:
    wanted = Wanted(event, level, logger, having)
    with context.open() as rocket:
        entries = list(deque(wanted.read(rocket, None), maxlen=min(lines, sys.maxsize)))
        if follow:
            _follow(context.out, rocket, wanted, entries)
    return CommandResult({"entries": entries}, lambda out: _show(out, entries, 0))


def _follow(out: Out, rocket: RocketVPN, wanted: Wanted, entries: list[Entry]) -> None:
    for entry in entries:
        _print(out, entry)
    newest = max((entry.at for entry in entries), default=None)
    shown = Counter(map(_key, wanted.read(rocket, newest - _LATE if newest else None)))
    while True:
        time.sleep(_LOOK_AGAIN)
        seen: Counter[str] = Counter()
        for entry in wanted.read(rocket, newest - _LATE if newest else None):
            key = _key(entry)
            seen[key] += 1
            if seen[key] > shown[key]:
                _print(out, entry)
                newest = entry.at if newest is None else max(newest, entry.at)
        shown = seen


def _key(entry: Entry) -> str:
    return f"{entry.at.timestamp()} {entry.event} {sorted(entry.fields.items(), key=str)}"


def _print(out: Out, entry: Entry) -> None:
    if out.json:
        out.document(entry)
    else:
        out.raw(clean(f"{words.moment(entry.at)}  {entry.event}  {text(entry)}"))


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
