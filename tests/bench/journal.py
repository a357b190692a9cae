"""B1, B2, B3, B5: recording and reading."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.data import EVENTS, events, lines
from bench.measure import Row, alternate, cpu
from bench.peers import Glean, PlainFile, SqlCipher
from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets


@contextmanager
def opened(folder: Path) -> Iterator[RocketVPN]:
    """Open a vault whose root key is in memory: the keyring's own time is not what is measured."""
    config = Config(
        "https://api.rocketvpn.example", "org.example.vpn", data_dir=folder, secrets=MemorySecrets(), events=EVENTS
    )
    with RocketVPN.open(config) as rocket:
        yield rocket


def _fresh(work: Callable[[Path], float]) -> Callable[[], float]:
    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return work(Path(folder))

    return run


def logging_lines(count: int, rounds: int) -> Iterator[Row]:
    """B1: log lines through ``logging``, scrubbed, sealed, flushed, against a plain file."""
    text = lines(count)
    ours_p99: list[float] = []
    theirs_p99: list[float] = []

    def p99(logger: logging.Logger) -> float:
        spent = []
        for line in text[: count // 5]:
            before = time.perf_counter()
            logger.info(line)
            spent.append(time.perf_counter() - before)
        return statistics.quantiles(spent, n=100)[98]

    def sealed(folder: Path) -> float:
        with opened(folder) as rocket:
            logger = logging.Logger("app.tunnel", logging.DEBUG)
            logger.addHandler(rocket.journal.handler())

            def work() -> None:
                for line in text:
                    logger.info(line)
                rocket.journal.flush()

            seconds = cpu(work)
            ours_p99.append(p99(logger))
            return seconds

    def plain(folder: Path) -> float:
        peer = PlainFile(folder)
        seconds = cpu(lambda: peer.log(text))
        theirs_p99.append(p99(peer.logger))
        peer.close()
        return seconds

    found = alternate(rounds, ours=_fresh(sealed), theirs=_fresh(plain))
    per = {name: seconds / count * 1e6 for name, seconds in found.items()}
    yield Row("B1", f"{count:,} log lines, CPU a line", "µs", per["ours"], "FileHandler", per["theirs"], "≤ 1.0×", 1.0)
    ours, theirs = statistics.median(ours_p99) * 1e6, statistics.median(theirs_p99) * 1e6
    yield Row("B1", "the caller's 99th percentile", "µs", ours, "FileHandler", theirs, "≤ 1.0×", 1.0)


def recording_events(count: int, rounds: int) -> Iterator[Row]:
    """B2 and B3: declared events, time and bytes."""
    made = events(count)
    sizes: dict[str, float] = {}

    def sealed(folder: Path) -> float:
        with opened(folder / "vault") as rocket:

            def work() -> None:
                record = rocket.journal.record
                for event in made:
                    record(event)
                rocket.journal.flush()

            seconds = cpu(work)
        sizes["ours"] = (folder / "vault" / "vault.db").stat().st_size / count
        return seconds

    def cipher(folder: Path) -> float:
        peer = SqlCipher(folder)
        seconds = cpu(lambda: peer.record(made))
        sizes["cipher"] = peer.bytes() / count
        peer.close()
        return seconds

    def plain(folder: Path) -> float:
        peer = PlainFile(folder)
        seconds = cpu(lambda: peer.record(made))
        peer.close()
        return seconds

    glean_folder = tempfile.TemporaryDirectory()
    client = Glean(Path(glean_folder.name))
    few = made[: max(count // 25, 200)]
    found = alternate(
        rounds,
        ours=_fresh(sealed),
        cipher=_fresh(cipher),
        plain=_fresh(plain),
        glean=lambda: cpu(lambda: client.record(few)) * count / len(few),
    )
    per = {name: seconds / count * 1e6 for name, seconds in found.items()}
    what = f"{count:,} events, CPU an event"
    yield Row("B2", what, "µs", per["ours"], "SQLCipher row+commit", per["cipher"], "≤ 0.1×", 0.1)
    yield Row("B2", what, "µs", per["ours"], "Glean event", per["glean"], "≤ 0.05×", 0.05)
    yield Row("B2", what, "µs", per["ours"], "FileHandler", per["plain"], "≤ 0.4×", 0.4)
    yield Row("B3", "bytes on disk an event", "B", sizes["ours"], "SQLCipher", sizes["cipher"], "≤ 0.125×", 0.125)


def reading(count: int, rounds: int) -> Iterator[Row]:
    """B5: read and decode everything."""
    made = events(count)
    with tempfile.TemporaryDirectory() as name, opened(Path(name) / "vault") as rocket:
        for event in made:
            rocket.journal.record(event)
        rocket.journal.flush()
        peer = SqlCipher(Path(name))
        peer.record(made, each=False)

        def ours() -> None:
            seen = sum(1 for _ in rocket.journal.read())
            if seen != count:
                raise RuntimeError(f"{seen} of {count} records came back")

        found = alternate(rounds, ours=lambda: cpu(ours), theirs=lambda: cpu(peer.read))
        peer.close()
    what = f"read and decode {count:,} records"
    yield Row("B5", what, "ms", found["ours"] * 1e3, "SQLCipher + json", found["theirs"] * 1e3, "≤ 0.5×", 0.5)
