"""``log export``: the log as a file for support, in OpenTelemetry's form; what is in it is shown first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.cli import ask, codes, files, words
from rocketvpn_sdk.cli.commands.journal import Event, Having, Level, Logger, Since, Wanted
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.plain import clean
from rocketvpn_sdk.cli.problems import CommandError, ConfirmationNeeded
from rocketvpn_sdk.journal import Entry

_SEVERITIES = {"DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}
_NAME = re.compile(r"[^a-z0-9._]+")


@help_text(
    """Write the log to a file for support; it is shown first.

    The file is what OpenTelemetry calls OTLP logs, in JSON, which log viewers can open. Nothing is sent: who gets the
    file is up to you. The filters choose what goes into it.
    """
)
def log_export(
    context: CommandContext,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - prints it.")],
    otlp: Annotated[bool, typer.Option("--otlp", help="In OpenTelemetry's form: the only one so far.")] = False,
    since: Since = None,
    event: Event = None,
    level: Level = None,
    logger: Logger = None,
    having: Having = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; it is shown all the same.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> CommandResult:
    if not otlp:
        raise CommandError("Say in which form.", advice="Use --otlp.", exit_code=codes.USAGE)
    files.check(file, context.out, name="FILE", overwrite=force, vault=context.config.folder)
    start = words.since(since, datetime.now(UTC)) if since else None
    with context.open() as rocket:
        entries = list(Wanted(event, level, logger, having).read(rocket, start))
    content = msgspec.json.format(msgspec.json.encode(otlp_logs(entries, context.config.app_id)), indent=1)
    if files.is_stdout(file):
        return CommandResult(None, lambda _: files.pour(content + b"\n"))
    _confirm(context.out, content, yes=yes)
    path = files.write(file, content, name="FILE", overwrite=force)
    document = {"path": str(path), "entries": len(entries), "content": content.decode()}
    written = f"Written: {path} ({words.counted(len(entries), 'entry', 'entries')})"
    return CommandResult(document, lambda out: out.say(written))


def otlp_logs(entries: Iterable[Entry], app_id: str) -> dict[str, Any]:
    """Return ``entries`` as OTLP's logs data, by its mapping to JSON."""
    records = [_record(entry) for entry in entries]
    scope = {"scope": {"name": "rocketvpn_sdk.journal", "version": __version__}, "logRecords": records}
    return {"resourceLogs": [{"resource": {"attributes": [_pair("service.name", app_id)]}, "scopeLogs": [scope]}]}


def _record(entry: Entry) -> dict[str, Any]:
    fields = {name: value for name, value in entry.fields.items() if value is not None}
    level, body = fields.pop("level", None), fields.pop("message", entry.event)
    pairs = [_pair("event.name", entry.event), _pair("rocketvpn.purpose", entry.purpose)]
    pairs += [_pair(_NAME.sub("_", name), value) for name, value in fields.items()]
    severity = {"severityNumber": _SEVERITIES[level], "severityText": level} if level in _SEVERITIES else {}
    return {
        "timeUnixNano": str(int(entry.at.timestamp()) * 10**9),
        **severity,
        "body": {"stringValue": str(body)},
        "attributes": pairs,
    }


def _pair(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"key": key, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    if isinstance(value, float):
        return {"key": key, "value": {"doubleValue": value}}
    return {"key": key, "value": {"stringValue": str(value)}}


def _confirm(out: Out, content: bytes, *, yes: bool) -> None:
    if not out.json:
        for line in content.decode().splitlines():
            out.raw(clean(line))
    if yes:
        return
    if out.json or not ask.at_terminal():
        raise ConfirmationNeeded(
            "Nobody can be asked here.", advice="Print it with - as the file, then use --yes.", exit_code=codes.USER
        )
    if ask.line("\nType write to write the file: ").casefold() != "write":
        raise ConfirmationNeeded("Stopped: it was not confirmed.", advice="Nothing was written.")
