"""The named peers, used as their documentation says: plain logging to a file, SQLCipher, Glean."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import msgspec

from rocketvpn_sdk import Event


class PlainFile:
    """``logging.FileHandler`` with a usual format."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.logger = logging.Logger("app.tunnel", logging.DEBUG)
        self.handler = logging.FileHandler(self.path)
        self.handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        self.logger.addHandler(self.handler)

    def log(self, lines: tuple[str, ...]) -> None:
        """Log every line."""
        for line in lines:
            self.logger.info(line)
        self.handler.flush()

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
