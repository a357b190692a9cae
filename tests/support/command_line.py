"""``rocketvpn`` as people and scripts run it: through pipes, at a terminal, in a process of its own or in this one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import queue
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, Self
from unittest import mock

from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct horse battery staple"
# A terminal is only asked for a passphrase through /dev/tty, so the process opens it as its own first.
# Who runs the tests in the background may have Ctrl-C ignored; at a terminal nobody has.
_AT_TERMINAL = (
    "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); os.open(os.ttyname(0), os.O_RDWR);"
    "from rocketvpn_sdk.cli import main; main()"
)


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        assert set(self.document) == {"error"}
        assert self.err == ""
        assert self.document["error"]["exit_code"] == self.code
        return self.document["error"]


class CommandLine:
    """Runs commands with one settings file."""

    def __init__(self, config: Path | None = None, **environment: str) -> None:
        self.config = config
        given = {"ROCKETVPN_PASSPHRASE": PASSPHRASE, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment}
        if config is not None:
            given["ROCKETVPN_CONFIG"] = str(config)
        self.environment = {**os.environ, **given}
        for name in ("NO_COLOR", "FORCE_COLOR", "DBUS_SESSION_BUS_ADDRESS"):
            if name not in environment:
                self.environment.pop(name, None)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "rocketvpn_sdk.cli", *arguments]
        return subprocess.Popen(command, env=self.environment, text=True, **options)

    def process(self, *arguments: str) -> Done:
        """Run a command in a process of its own."""
        process = self.start(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            out, err = process.communicate(timeout=60)
        return Done(process.returncode, out, err)

    def run(self, *arguments: str, typed: str = "") -> Done:
        """Run a command in this process, through pipes: most cases need no process of their own."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "stdin", io.StringIO(typed)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run(list(arguments))
        return Done(code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str, typed: str = "") -> Done:
        """The same with ``--json``."""
        return self.run(*arguments, "--json", typed=typed)

    def terminal(self, *arguments: str) -> Terminal:
        environment = {name: value for name, value in self.environment.items() if name != "COLUMNS"}
        return Terminal([sys.executable, "-c", _AT_TERMINAL, *arguments], environment)


class Terminal:
    """A process with a terminal of its own, 80 columns wide."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        _set_size(slave, 24, 80)
        try:
            self._process = subprocess.Popen(
                command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
            )
        finally:
            os.close(slave)
        self.text = ""
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(60)
        os.close(self._master)

    def expect(self, text: str, seconds: float = 60.0) -> None:
        """Read until ``text`` comes after what was expected before."""
        until = time.monotonic() + seconds
        while (found := self.text.find(text, self._seen)) < 0:
            assert self._read(until), f"{text!r} did not come; this did: {self.text!r}"
        self._seen = found + len(text)

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        import termios

        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def type(self, line: str) -> None:
        os.write(self._master, line.encode())

    def leave(self) -> int:
        """Read to the end and return the exit code."""
        until = time.monotonic() + 60
        while self._read(until):
            pass
        return self._process.wait(60)

    def _read(self, until: float) -> bool:
        readable, _, _ = select.select([self._master], [], [], max(until - time.monotonic(), 0))
        data = b""
        if readable:
            with contextlib.suppress(OSError):  # EIO: the process has closed its side
                data = os.read(self._master, 65536)
        self.text += data.decode(errors="replace")
        return bool(data)


def _set_size(terminal: int, rows: int, columns: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def settings(folder: Path, client_file: Path, **more: Any) -> Path:
    """Write a settings file for the sandbox of ``client_file``: a passphrase, and a vault in ``folder``.

    ``more`` adds settings; one that is ``None`` is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = {"data_dir": "vault", "secrets": "passphrase", **more}
    lines = [line for line in client_file.read_text("utf-8").splitlines() if line.split(" ")[0] not in values]
    lines += [f"{name} = {json.dumps(value)}" for name, value in values.items() if value is not None]
    path = folder / "rocketvpn.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def answered(cli: CommandLine, sandbox: Sandbox, *arguments: str, codes: int = 1) -> str:
    """Run a command whose codes come by pipe, each once the server has sent it; return what it printed."""
    sent: queue.Queue[str] = queue.Queue()
    sandbox.mail.subscribe(lambda message: sent.put(message.code) if message.code else None)
    process = cli.start(*arguments, "--code-from", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        for _ in range(codes - 1):
            process.stdin.write(sent.get(timeout=60) + "\n")
            process.stdin.flush()
        out, _ = process.communicate(sent.get(timeout=60) + "\n", timeout=60)
    assert process.returncode == 0, out
    return str(out)
