"""Taking along (A1): everything that is held, in one file of standard formats that others can open."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import ConfigurationError, ValueRefused
from rocketvpn_sdk.files import new_file, refuse_place, usable_path
from rocketvpn_sdk.journal import Entry
from rocketvpn_sdk.journal.compiled import TIME_FIELD
from rocketvpn_sdk.progress import Progress, Steps
from rocketvpn_sdk.rights import archive, spreadsheet
from rocketvpn_sdk.rights.archive import Archive, ArchiveMember, Manifest, Spool, pretty
from rocketvpn_sdk.rights.disclosures import Disclosure
from rocketvpn_sdk.rights.export_readme import readme
from rocketvpn_sdk.rights.local import LocalData
from rocketvpn_sdk.rights.report import Report
from rocketvpn_sdk.rights.requests import DataRequests, RequestList
from rocketvpn_sdk.rights.view import View
from rocketvpn_sdk.transport import Api, SentEntry
from rocketvpn_sdk.visible import escaped_json
from rocketvpn_sdk.witness import Witnessed

ENCRYPTED = ".age"
_EVERY = 256
_LOGGED = "observed"
_EVERYWHERE = (TIME_FIELD, "event_name")
_SENT = ("at", "operation", "purpose", "recipient", "identity", "fields", "protocol", "size", "outcome", "tries")
_WITNESSED = ("host", "port", "module", "times", "first", "last")


class DisclosureFile(msgspec.Struct, frozen=True, kw_only=True):
    """``disclosures.json``: whom the server says it told, or why that could not be asked."""

    disclosures: tuple[Disclosure, ...]
    server_answered: bool
    server_problem: str | None


class ExportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    path: str
    """Where it is; ``.age`` was added to the name if it is encrypted."""
    size: int
    """Bytes of the file."""
    encrypted: bool
    made_at: datetime
    members: tuple[ArchiveMember, ...]
    """What is in it, but for the manifest."""
    server_answered: bool
    """False: what the server holds is missing from it, or not whole."""
    server_problem: str | None


class _ExportContent(msgspec.Struct, frozen=True):
    """What is gathered before the first byte is written: all but the log and the ledger."""

    report: Report
    requests: RequestList
    disclosures: DisclosureFile
    consents: list[dict[str, Any]]
    witnessed: Witnessed

    @property
    def problem(self) -> str | None:
        parts = (self.report, self.requests, self.disclosures)
        return next((part.server_problem for part in parts if part.server_problem), None)


class Export:
    """Gathers, and writes.

    Args:
        context, local: what this device holds.
        api: has the ledger of what left, and the policy in force.
        view, requests: the other rights, whose answers go in.
    """

    def __init__(self, context: Context, local: LocalData, api: Api, view: View, requests: DataRequests) -> None:
        self._context = context
        self._local = local
        self._api = api
        self._view = view
        self._requests = requests

    def write(self, path: Path, *, passphrase: str | None, progress: Progress | None, overwrite: bool) -> ExportResult:
        """Write the file; see ``Rights.export``."""
        encrypt = _encryption(passphrase)
        target = _named(path, encrypted=encrypt is not None)
        if self._context.vault.contains(target):
            raise ValueRefused(name="path", problem="it is in the vault's own folder")
        refuse_place(target, overwrite=overwrite)
        content = self._gather()
        with new_file(target, overwrite=overwrite) as file:
            if encrypt is None:
                manifest = self._fill(file, content, progress)
            else:
                # age's passphrases are taken for bytes in memory alone, and no plain copy may touch the disk.
                packed = io.BytesIO()
                manifest = self._fill(packed, content, progress)
                file.write(encrypt(packed.getvalue()))
            size = file.seek(0, io.SEEK_END)
        return ExportResult(
            path=str(target),
            size=size,
            encrypted=encrypt is not None,
            made_at=manifest.made_at,
            members=manifest.members,
            server_answered=content.problem is None,
            server_problem=content.problem,
        )

    def _gather(self) -> _ExportContent:
        report = self._view.view()
        problem = report.disclosures_problem
        return _ExportContent(
            report=report,
            requests=self._requests.with_waiting(report.requests, report.requests_problem),
            disclosures=DisclosureFile(
                disclosures=report.disclosures, server_answered=problem is None, server_problem=problem
            ),
            consents=[receipt.document for receipt in self._local.consent.receipts()],
            witnessed=self._local.witness.read(),
        )

    def _fill(self, file: BinaryIO, content: _ExportContent, progress: Progress | None) -> Manifest:
        small = list(_small(content))
        steps = Steps(progress, len(small) + _expected(content.report))
        into = Archive(file, content.report.made_at)  # the last before `try`: Ctrl-C must not leave it open
        try:
            for name, media_type, data in small:
                steps.reached(name)
                into.add(name, media_type, data)
            self._write_log(into, steps)
            _write_sent(into, self._api.sent.entries(), steps)
            return into.close(policy_id=content.report.policy_id, policy_version=content.report.policy_version)
        except BaseException:  # an interrupt too: nothing half written stays
            into.abandon()
            raise

    def _write_log(self, into: Archive, steps: Steps) -> None:
        """Read the log once and write both forms of it, so that they say the same anyone who logs meanwhile."""
        fields = self._context.permit.policy.fields.values()
        columns = [field.id for field in fields if field.source == _LOGGED and field.id not in _EVERYWHERE]
        rows = Spool()
        encode = msgspec.json.Encoder().encode
        with into.member("log.jsonl", archive.JSON_LINES) as write:

            def entries() -> Iterator[Entry]:
                for number, entry in enumerate(self._local.journal.read(), 1):
                    write(escaped_json(encode(entry)) + b"\n")
                    if number % _EVERY == 0:
                        steps.reached("log.jsonl", _EVERY)
                    yield entry

            heads = ("at", "event", "purpose", *columns, "other")
            for line in spreadsheet.lines(heads, (_log_row(entry, columns) for entry in entries())):
                rows.write(line)
        with into.member("log.csv", archive.CSV) as write:
            for piece in rows.pieces():
                write(piece)


def _small(content: _ExportContent) -> Iterator[tuple[str, str, bytes]]:
    """Yield the members whose content is there already: name, media type, content."""
    yield "README.txt", archive.TEXT, readme(content.report, content.problem)
    yield from _report(content.report)
    yield "requests.json", archive.JSON, pretty(content.requests)
    yield "disclosures.json", archive.JSON, pretty(content.disclosures)
    yield "consents.jsonld", archive.JSON_LD, pretty(content.consents)
    yield "witness.csv", archive.CSV, b"".join(spreadsheet.lines(_WITNESSED, _witness_rows(content.witnessed)))
    kinds = {"report": Report, "log": Entry, "requests": RequestList, "disclosures": DisclosureFile}
    for name, kind in {**kinds, "manifest": Manifest}.items():
        yield f"schema/{name}.json", archive.JSON, pretty(msgspec.json.schema(kind))


def _report(report: Report) -> Iterator[tuple[str, str, bytes]]:
    yield "report.json", archive.JSON, report.to_json().encode()
    yield "report.html", archive.HTML, report.to_html().encode()


def _expected(report: Report) -> int:
    """Return how many steps the log and the ledger will be, as far as the report can say."""
    logged = next((held.count or 0 for held in report.here if held.field == TIME_FIELD), 0)
    return logged // _EVERY + sum(group.times for group in report.sent) // _EVERY


def _log_row(entry: Entry, columns: Sequence[str]) -> Iterator[Any]:
    yield from (entry.at, entry.event, entry.purpose)
    for name in columns:
        yield entry.fields.get(name)
    yield {name: value for name, value in entry.fields.items() if name not in columns} or None


def _write_sent(into: Archive, entries: Iterator[SentEntry], steps: Steps) -> None:
    with into.member("sent.csv", archive.CSV) as write:
        for number, line in enumerate(spreadsheet.lines(_SENT, map(_sent_row, entries)), 1):
            write(line)
            if number % _EVERY == 0:
                steps.reached("sent.csv")


def _sent_row(entry: SentEntry) -> Iterator[Any]:
    for name in _SENT:
        value = getattr(entry, name)
        yield utc(value) if name == "at" else " ".join(value) if name in ("fields", "protocol") else value


def _witness_rows(seen: Witnessed) -> Iterator[tuple[Any, ...]]:
    """Yield each connection; what found no room is counted in a last row that names no host."""
    for each in seen.connections:
        yield each.host, each.port, each.module, each.times, each.first.isoformat(), each.last.isoformat()
    if seen.missed:
        yield None, None, None, seen.missed, None, None


def _named(path: Path, *, encrypted: bool) -> Path:
    path = usable_path(path)
    if encrypted:
        return path if path.suffix == ENCRYPTED else path.with_name(path.name + ENCRYPTED)
    if path.suffix == ENCRYPTED:
        raise ValueRefused(name="path", problem=f"it ends in {ENCRYPTED}, and nothing encrypts it without a passphrase")
    return path


def _encryption(passphrase: str | None) -> Callable[[bytes], bytes] | None:
    """Return what encrypts for ``age`` under ``passphrase`` (age-encryption.org/v1, scrypt)."""
    if passphrase is None:
        return None
    if not passphrase.strip():
        raise ValueRefused(name="passphrase", problem="it is empty")
    try:
        from pyrage import passphrase as age  # an extra; nothing else needs it
    except ImportError:
        problem = "an export with a passphrase needs the extra 'age' (pip install 'rocketvpn-sdk[age]')"
        raise ConfigurationError(problem=problem) from None
    try:
        passphrase.encode()
    except UnicodeEncodeError:
        raise ValueRefused(name="passphrase", problem="it is no Unicode text") from None
    return lambda packed: bytes(age.encrypt(packed, passphrase))
