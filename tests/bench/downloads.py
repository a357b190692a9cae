"""B12: a release is downloaded and verified, beside curl over the same TLS; and how much memory that takes."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from support.calls import api_at

from bench.measure import Row, alternate, wall
from rocketvpn_sdk.sandbox.certificates import CA_FILE, load_ca, server_context
from rocketvpn_sdk.transport import tls_context
from rocketvpn_sdk.updates.download import to_file
from rocketvpn_sdk.updates.remote import RemoteFile
from rocketvpn_sdk.wire import SignedFile

_MIB = 1 << 20
_PATH = {"platform": "linux", "app_version": "1.0", "file": "package"}
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"


def downloading(mib: int, rounds: int) -> Iterator[Row]:
    """Measure a file of ``mib`` MiB on a disk in memory, so that the disk does not decide."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as scratch, _server(mib) as (folder, url):
        content = _content(mib)
        signed = SignedFile(length=len(content), sha256=hashlib.sha256(content).hexdigest())
        del content
        api = api_at(url, tls_context(trust=folder / CA_FILE))
        ours, theirs = Path(scratch, "ours"), Path(scratch, "theirs")

        def download() -> None:
            ours.unlink(missing_ok=True)
            to_file(RemoteFile(api, _PATH, signed, ()), ours, None)

        def curl(verify: bool) -> None:
            theirs.unlink(missing_ok=True)
            target = f"{url}/releases/linux/1.0/package"
            subprocess.run(["curl", "-s", "--cacert", folder / CA_FILE, "-o", theirs, target], check=True)
            if verify:
                done = subprocess.run(["sha256sum", theirs], check=True, capture_output=True, text=True)
                assert done.stdout.startswith(signed.sha256)

        figures = alternate(
            rounds,
            ours=lambda: wall(download),
            curl=lambda: wall(lambda: curl(verify=False)),
            verified=lambda: wall(lambda: curl(verify=True)),
        )
        before = _resident()
        most = [0]
        ours.unlink()
        to_file(RemoteFile(api, _PATH, signed, ()), ours, lambda *_: most.append(_resident()))
        api.close()
    what, milliseconds = f"download and verify {mib} MiB", {name: 1e3 * each for name, each in figures.items()}
    note = "wall time, on a disk in memory; ≤ 1.25× of the time is ≥ 0.8× of the throughput"
    for peer, name in (("curl", "curl, which verifies nothing"), ("verified", "curl and sha256sum")):
        yield Row("B12", what, "ms", milliseconds["ours"], name, milliseconds[peer], "≤ 1.25×", 1.25, note)
        note = ""
    memory = (max(most) - before) / _MIB
    yield Row("B12", "… its memory at the peak, above idle", "MiB", memory, goal="≤ 16 MiB", limit=16)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _content(mib: int) -> bytes:
    return Random(12).randbytes(_MIB) * mib


@contextmanager
def _server(mib: int) -> Iterator[tuple[Path, str]]:
    """Serve the file from a process of its own, as fast as Python's TLS can."""
    folder = Path(tempfile.mkdtemp())
    load_ca(folder)
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, mib, there), daemon=True)
    process.start()
    try:
        yield folder, f"https://localhost:{here.recv()}"
    finally:
        process.terminate()
        process.join()
        shutil.rmtree(folder)


def _serve(folder: Path, mib: int, ready: Connection) -> None:
    context, content = server_context(load_ca(folder)), memoryview(_content(mib))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ready.send(listening.getsockname()[1])
        while True:
            raw, _ = listening.accept()
            threading.Thread(target=_answer, args=(context.wrap_socket(raw, server_side=True), content)).start()


def _answer(line: socket.socket, content: memoryview) -> None:
    with line:
        line.recv(65536)
        line.sendall(_HEAD.format(len(content)).encode())
        for place in range(0, len(content), _MIB):
            line.sendall(content[place : place + _MIB])
