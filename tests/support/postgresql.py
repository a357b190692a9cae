"""A throw-away PostgreSQL cluster: a folder and a socket of its own, no port, and gone with whoever started it.

Started by root it runs as ``rocketvpn-postgresql`` if there is such a user, or else as ``nobody``, since PostgreSQL
refuses root. Only who may enter the folder reaches its socket, so no password is needed.

``python -m support.postgresql FOLDER`` runs one until its stdin is closed; ``Cluster`` is the other end.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TextIO

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from rocketvpn_sdk.sandbox import Sandbox

_BINARIES = Path("/usr/lib/postgresql")
_USERS = ("rocketvpn-postgresql", "nobody")
_SOCKET = ".s.PGSQL.5432"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_error_verbosity": "terse",  # as docs/server.md asks of operators: no values in the log
    "log_checkpoints": "off",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests that cut no power."""


def binaries() -> Path | None:
    """Return the folder with ``postgres`` and ``initdb``, of the newest version that is installed; else nothing."""
    found = [place / "bin" for place in _BINARIES.glob("*") if (place / "bin" / "postgres").exists()]
    return max(found, key=lambda place: int(place.parent.name), default=None)


class Cluster:
    """A cluster that runs while the block does; ``durable``: a commit is on the disk, as in earnest."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="rv-pg-"))
        command = [sys.executable, "-m", "support.postgresql", str(self.folder), "durable" if self._durable else ""]
        path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        self._keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        self._keeper.wait(60)
        self._keeper.stdout.close()  # type: ignore[union-attr]  # as above

    def stop(self) -> None:
        """Stop the server as an operator does: every connection is ended at once."""
        self._tell("stop")

    def start(self) -> None:
        """Start the server that was stopped."""
        self._tell("start")

    def database(self, name: str) -> str:
        """Return the URL of the database ``name``, made if there is none."""
        return database(self.folder, name)

    def _tell(self, what: str) -> None:
        _say(what, self._keeper.stdin)
        self._answer()

    def _answer(self) -> None:
        said = self._keeper.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
        if said != "done\n":
            raise RuntimeError(f"no PostgreSQL: {said or 'it ended'}")


def connect(folder: Path, name: str = "postgres") -> psycopg.Connection[dict[str, Any]]:
    """Return a connection to the database ``name``, outside of transactions."""
    where = {"host": str(folder), "user": "rocketvpn", "dbname": name}
    return psycopg.connect(**where, autocommit=True, row_factory=dict_row)  # type: ignore[arg-type]  # all are text


def database(folder: Path, name: str) -> str:
    """Return the URL of the database ``name`` of the cluster in ``folder``, made if there is none."""
    with connect(folder) as db, suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"postgresql+psycopg://rocketvpn@/{name}?host={folder}"


# ---------------------------------------------------------------- for the whole run of pytest

_CHOSEN = "RV_TESTS_POSTGRESQL"
"""The folder of the run's cluster; every process that shares the tests gets it from the first."""


def chosen() -> Path | None:
    """Return the folder of the cluster that sandboxes of this run use; nothing: they use SQLite."""
    return Path(os.environ[_CHOSEN]) if _CHOSEN in os.environ else None


@contextmanager
def for_all_tests() -> Iterator[None]:
    """Run the cluster that ``chosen`` names."""
    with Cluster() as cluster:
        os.environ[_CHOSEN] = str(cluster.folder)
        try:
            yield
        finally:
            del os.environ[_CHOSEN]


def name_of(folder: Path) -> str:
    """Return the name of the database of the sandbox in ``folder``: the same when it starts again."""
    return f"sandbox_{hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:24]}"


def default_url(sandbox: Sandbox) -> str:
    """Stand in for ``Sandbox._default_url``: a database for each sandbox, in the cluster of this run."""
    cluster = chosen()
    assert cluster is not None
    return database(cluster, name_of(sandbox.folder))


# ---------------------------------------------------------------- the process that keeps it


class _Keeper:
    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        found = binaries()
        if found is None:
            raise SystemExit("PostgreSQL is not installed")
        self._binaries, self._folder, self._data = found, folder, folder / "data"
        self._user = self._owner()
        self._settings = settings | {"unix_socket_directories": str(folder)}
        self._log = (folder / "log").open("ab")
        self._server: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        options = ("--username=rocketvpn", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        command = [str(self._binaries / "initdb"), "--pgdata", str(self._data), *options]
        subprocess.run(command, check=True, stdout=self._log, stderr=self._log, cwd=self._folder, **self._user)

    def start(self) -> None:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), *settings]
        self._server = subprocess.Popen(command, stdout=self._log, stderr=self._log, cwd=self._folder, **self._user)
        while self._server.poll() is None:
            with suppress(psycopg.OperationalError), connect(self._folder):
                return
        raise SystemExit((self._folder / "log").read_text("utf-8", "replace")[-2000:])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:  # its "fast" shutdown
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait()
            self._server = None

    def end(self) -> None:
        self.stop(signal.SIGQUIT)  # at once: nothing of it is kept
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _owner(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        user = next(names[name] for name in _USERS if name in names)
        os.chown(self._folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _say(line: str, to: TextIO | None = None) -> None:
    stream = to or sys.stdout
    stream.write(line + "\n")
    stream.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then close the pipe
    settings = _SETTINGS if "durable" in sys.argv[2:] else _SETTINGS | _CARELESS
    keeper = _Keeper(Path(sys.argv[1]), settings)
    try:
        keeper.make()
        keeper.start()
        _say("done")
        for line in sys.stdin:
            {"stop": keeper.stop, "start": keeper.start}[line.strip()]()
            _say("done")
    finally:
        keeper.end()


if __name__ == "__main__":
    main()
