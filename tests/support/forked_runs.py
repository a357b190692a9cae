"""Runs of pytest forked from one process that has what they all import, but nothing of the package: quicker to begin.

``python -m support.forked_runs`` is that process: on a line of JSON ``[seconds, folder, [argument, ...]]`` it runs
pytest in a child and answers with a line ``[exit code, what it said]``; -1 where it took too long.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType

_THIRD_PARTY = (
    *("pytest", "hypothesis.strategies", "hypothesis.stateful", "httpx", "rich.console", "rich.table", "msgspec"),
    *(
        "cryptography.x509",
        "cryptography.hazmat.primitives.asymmetric.ec",
        "trustme",
        "keyring",
        "zstandard",
        "sqlite3",
    ),
    *("multiprocessing", "asyncio", "unittest.mock", "typer.testing", "truststore", "starlette.applications"),
    *("tuf.ngclient", "sqlalchemy", "uvicorn", "joserfc.jwt", "jinja2", "segno", "platformdirs", "secretstorage"),
)
_MEMORY = 8 << 30


class _TooLong(Exception):
    pass


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise _TooLong


def _child(folder: str, arguments: list[str], out: Path) -> int:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with out.open("wb") as said, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.update(TMPDIR=folder, HOME=folder)
    tempfile.tempdir = None
    import pytest

    code = int(pytest.main(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _run(seconds: float, folder: str, arguments: list[str]) -> tuple[int, str]:
    out = Path(folder) / "said"
    child = os.fork()
    if child == 0:
        code = 3
        try:
            code = _child(folder, arguments, out)
        finally:
            os._exit(code)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except _TooLong:
        code = -1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # it, and whatever it started
        with suppress(ChildProcessError):
            os.waitpid(child, 0)
    return code, out.read_text(errors="replace") if out.exists() else ""


def main() -> None:
    """Answer until the input ends."""
    for name in _THIRD_PARTY:
        with suppress(ImportError):
            importlib.import_module(name)
    assert not [name for name in sys.modules if name.startswith("rocketvpn_sdk")]
    signal.signal(signal.SIGALRM, _stop)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
