"""Sandboxes in processes of their own, on one folder and one database: what a load balancer has behind it.

All of them believe to be at the same address, to which clients sign their proofs; nobody listens there. Clients choose
for each request which process gets it.

``python -m support.server_process FOLDER DATABASE_URL`` is one of them; ``Servers`` starts and asks them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from support.dpop_client import Peer
from support.fronted import Fronted

FRONT = 4443
"""The port of the address that all believe to have."""


class Servers:
    """``count`` server processes while the block runs; ``database_url`` "": a SQLite file in the folder."""

    def __init__(self, folder: Path, database_url: str, count: int = 2) -> None:
        self.folder, self._database_url = folder, database_url
        self._count = count
        self._processes: list[subprocess.Popen[str]] = []
        self.urls: list[str] = []

    def __enter__(self) -> Self:
        try:
            started = [self._start() for _ in range(self._count)]  # at once: they race for what is made once
            for process in started:
                self._await(process)
        except BaseException:  # an interrupt too
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        for process in self._processes:
            process.wait(60)
            process.stdout.close()  # type: ignore[union-attr]  # it is a pipe

    def start(self) -> int:
        """Start one more; return its number."""
        self._await(self._start())
        return len(self.urls) - 1

    def kill(self, number: int) -> None:
        """End a process as a crash does."""
        self._processes[number].kill()
        self._processes[number].wait()

    def tell(self, number: int, what: str, *values: Any) -> Any:
        """Have process ``number`` do one of ``_Commands``, and return what came of it."""
        process = self._processes[number]
        process.stdin.write(json.dumps([what, *values]) + "\n")  # type: ignore[union-attr]  # it is a pipe
        process.stdin.flush()  # type: ignore[union-attr]  # as above
        return json.loads(process.stdout.readline())  # type: ignore[union-attr]  # as above

    @contextmanager
    def peer(self, number: int, like: Peer | None = None) -> Iterator[Peer]:
        """Yield a client of process ``number``; ``like``: with the key, the ID and the tokens of another one."""
        with Peer(self.urls[number], self.folder / "ca.pem") as peer:
            peer.url = f"https://localhost:{FRONT}"
            if like is not None:
                peer.key, peer.device_id, peer.nonce = like.key, like.device_id, like.nonce
                peer.access_token, peer.refresh_token = like.access_token, like.refresh_token
            yield peer

    @contextmanager
    def twins(self, order: str) -> Iterator[tuple[Peer, Peer]]:
        """Yield one bound device twice: as a client of the first process, and of the second."""
        with ExitStack() as stack:
            first = stack.enter_context(self.peer(0))
            first.bind(order)
            yield first, stack.enter_context(self.peer(1, first))

    @property
    def log(self) -> str:
        """What the processes wrote to their logs."""
        return "".join(path.read_text("utf-8") for path in sorted(self.folder.parent.glob("server-*.log")))

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "support.server_process", str(self.folder), self._database_url]
        path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        log = self.folder.parent / f"server-{len(self._processes)}.log"
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": path},
            )
        self._processes.append(process)
        return process

    def _await(self, process: subprocess.Popen[str]) -> None:
        port = process.stdout.readline().strip()  # type: ignore[union-attr]  # it is a pipe
        if not port:
            raise RuntimeError(self.log[-4000:])
        self.urls.append(f"https://localhost:{port}")


class _Commands:
    def __init__(self, sandbox: Fronted) -> None:
        self._sandbox = sandbox

    def order(self, limit: int = 3, email: str | None = "kim@example.org") -> str:
        return self._sandbox.order(limit=limit, email=email)

    def orders(self, count: int) -> list[str]:
        return [self._sandbox.order() for _ in range(count)]

    def latency(self, seconds: float) -> None:
        self._sandbox.faults.latency = seconds

    def spent(self) -> float:
        """Return the processor time that this process has used, in seconds."""
        return time.process_time()

    def go_on(self) -> None:
        """Let whoever waits for ``latency`` go on."""
        self._sandbox.faults.stop()
        self._sandbox.faults.start()

    def claims(self) -> int:
        """Return how many requests are being worked on, by any process."""
        return len([row for row in self._sandbox.rows()["idempotency"] if row["status"] is None])

    def demand_nonce(self) -> None:
        self._sandbox.faults.demand_nonce()

    def renew_files(self) -> None:
        self._sandbox.publish_target("policy/other.json", os.urandom(8).hex().encode())

    def mailed(self) -> list[tuple[str, str]]:
        return [(message.to, message.code) for message in self._sandbox.mail]


def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    with Fronted(folder, FRONT, url or None) as sandbox:
        sys.stdout.write(f"{sandbox.behind}\n")
        sys.stdout.flush()
        commands = _Commands(sandbox)
        for line in sys.stdin:
            what, *values = json.loads(line)
            sys.stdout.write(json.dumps(getattr(commands, what)(*values)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
