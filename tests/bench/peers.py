"""The named peers, used as their documentation says: plain and redacted logging to a file, SQLCipher, Glean."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from rocketvpn_sdk import Event

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
Redact = Callable[[str], str]

_MULLVAD = (  # after mullvad-problem-report: home folders, account numbers, MAC and IP addresses, UUIDs
    (re.compile(r"(?:/home/|/Users/|\\Users\\)[^/\\\s]+"), "~"),
    (re.compile(r"\b\d{16}\b|\b\d{4} \d{4} \d{4} \d{4}\b"), "[REDACTED ACCOUNT NUMBER]"),
    (re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"), "[REDACTED MAC]"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "[REDACTED IPV4]"),
    (re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"), "[REDACTED IPV6]"),
    (re.compile(r"\b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b"), "[REDACTED GUID]"),
)


def mullvad_like(text: str) -> str:
    """Return ``text`` without what Mullvad's problem reports leave out."""
    for pattern, instead in _MULLVAD:
        text = pattern.sub(instead, text)
    return text


def sentry_relay() -> Redact:
    """Return Sentry Relay's scrubber with its default rules, through its own Python library."""
    from sentry_relay.processing import convert_datascrubbing_config, pii_strip_event

    settings = {"scrubData": True, "scrubIpAddresses": True, "scrubDefaults": True}
    kinds = ["@common", "@ip", "@email", "@mac", "@uuid", "@userpath"]
    given = convert_datascrubbing_config({**settings, "sensitiveFields": [], "excludeFields": []})
    rules = {**given, "applications": {"$string": kinds}}

    def redact(text: str) -> str:
        return str(pii_strip_event(rules, {"logentry": {"formatted": text}})["logentry"]["formatted"])

    return redact


class _Redacting(logging.Formatter):
    def __init__(self, redact: Redact) -> None:
        super().__init__(_FORMAT)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class PlainFile:
    """``logging.FileHandler`` with a usual format, and with ``redact`` for the formatted line."""

    def __init__(self, folder: Path, redact: Redact | None = None) -> None:
        self.path = folder / "app.log"
        self.logger = logging.Logger("app.tunnel", logging.DEBUG)
        self.handler = logging.FileHandler(self.path)
        self.handler.setFormatter(logging.Formatter(_FORMAT) if redact is None else _Redacting(redact))
        self.logger.addHandler(self.handler)

    def record(self, events: tuple[Event, ...]) -> None:
        """Log every event as JSON."""
        for event in events:
            self.logger.info("%s", json.dumps(msgspec.structs.asdict(event)))
        self.handler.flush()

    def close(self) -> None:
        """Close the file."""
        self.handler.close()


class SqlCipher:
    """An encrypted database: a row and a commit for each event."""

    def __init__(self, folder: Path) -> None:
        from sqlcipher3 import dbapi2

        self.path = folder / "cipher.db"
        self.db: Any = dbapi2.connect(str(self.path), isolation_level=None)
        self.db.execute("PRAGMA key = \"x'" + "2d" * 32 + "'\"")
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("PRAGMA secure_delete = ON")
        self.db.execute("CREATE TABLE IF NOT EXISTS log (at REAL, event TEXT, fields TEXT)")

    def record(self, events: tuple[Event, ...], *, each: bool = True) -> None:
        """Insert every event; with ``each`` in a transaction of its own."""
        if not each:
            self.db.execute("BEGIN")
        for number, event in enumerate(events):
            fields = json.dumps(msgspec.structs.asdict(event))
            self.db.execute("INSERT INTO log VALUES (?, ?, ?)", (float(number), event.__event__[0], fields))
        if not each:
            self.db.execute("COMMIT")

    def delete_everything(self) -> None:
        """Delete every row and rewrite the file."""
        self.db.execute("DELETE FROM log")
        self.db.execute("VACUUM")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def read(self) -> int:
        """Read and decode every row; return how many there are."""
        count = 0
        for _, _, fields in self.db.execute("SELECT at, event, fields FROM log ORDER BY at"):
            json.loads(fields)
            count += 1
        return count

    def bytes(self) -> int:
        """Return the size on disk."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.path.stat().st_size

    def close(self) -> None:
        """Close the database."""
        self.db.close()


class Glean:
    """Mozilla's telemetry SDK: an event with extras, stored locally; its uploads go to a closed local port."""

    def __init__(self, folder: Path) -> None:
        from glean import Configuration
        from glean import Glean as Client
        from glean._uniffi import CommonMetricData, EventMetric, Lifetime

        closed = Configuration(server_endpoint="http://127.0.0.1:9", max_events=1_000_000)
        Client.initialize("org-example-vpn", "1.0", True, configuration=closed, data_dir=folder / "glean")
        meta = CommonMetricData(
            category="session", name="connected", send_in_pings=["events"], lifetime=Lifetime.PING, disabled=False
        )
        self._metric = EventMetric(meta, ["region", "protocol", "duration", "failure", "attempt"])

    def record(self, events: tuple[Event, ...]) -> None:
        """Record every event, and wait until the last one is stored."""
        for event in events:
            fields = {name: str(value) for name, value in msgspec.structs.asdict(event).items()}
            self._metric.record(fields)
        self._metric.test_get_num_recorded_errors(_invalid_value())


def _invalid_value() -> Any:
    from glean._uniffi import ErrorType

    return ErrorType.INVALID_VALUE
