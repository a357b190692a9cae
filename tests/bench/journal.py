"""B1a, B1b, B2, B3, B5: recording and reading."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from bench.app_calls import Call, calls
from bench.data import EVENTS, events, lines
from bench.measure import Row, alternate, cpu
from bench.peers import Glean, PlainFile, Redact, SqlCipher, mullvad_like, sentry_relay
from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets


@contextmanager
def opened(folder: Path, log_text: Literal["private", "scrubbed"] = "private") -> Iterator[RocketVPN]:
    """Open a vault whose root key is in memory: the keyring's own time is not what is measured."""
    config = Config(
        *("https://api.rocketvpn.example", "org.example.vpn"),
        data_dir=folder,
        secrets=MemorySecrets(),
        events=EVENTS,
        log_text=log_text,
    )
    with RocketVPN.open(config) as rocket:
        yield rocket


def _fresh(work: Callable[[Path], float]) -> Callable[[], float]:
    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return work(Path(folder))

    return run


def _log_formatted(logger: logging.Logger, lines: Sequence[str]) -> None:
    for line in lines:
        logger.info(line)


def _make_calls(logger: logging.Logger, made: Sequence[Call]) -> None:
    for call, values in made:
        call(logger, *values)


def _logging(count: int, make: Callable[[logging.Logger, Any], None], work: Sequence[Any], mode: str) -> _Logging:
    """Return what logs ``work`` through ours, and what does so through a peer, with the callers' slowest hundredth."""
    found = _Logging()

    def p99(logger: logging.Logger) -> float:
        spent = []
        for each in work[: count // 5]:
            before = time.perf_counter()
            make(logger, (each,))
            spent.append(time.perf_counter() - before)
        return statistics.quantiles(spent, n=100)[98]

    def ours(folder: Path) -> float:
        with opened(folder, mode) as rocket:
            logger = logging.Logger("app.tunnel", logging.DEBUG)
            logger.addHandler(rocket.journal.handler())

            def run() -> None:
                make(logger, work)
                rocket.journal.flush()

            seconds = cpu(run)
            found.p99["ours"].append(p99(logger))
            return seconds

    def theirs(redact: Redact | None) -> Callable[[Path], float]:
        def run(folder: Path) -> float:
            peer = PlainFile(folder, redact)
            seconds = cpu(lambda: (make(peer.logger, work), peer.handler.flush()))
            found.p99["theirs"].append(p99(peer.logger))
            peer.close()
            return seconds

        return run

    found.ours, found.theirs = ours, theirs
    return found


class _Logging:
    ours: Callable[[Path], float]
    theirs: Callable[[Redact | None], Callable[[Path], float]]

    def __init__(self) -> None:
        self.p99: dict[str, list[float]] = {"ours": [], "theirs": []}


def logging_calls(count: int, rounds: int) -> Iterator[Row]:
    """B1a: log calls as apps write them, private, sealed, flushed, against a plain file."""
    runs = _logging(count, _make_calls, calls(count), "private")
    found = alternate(rounds, ours=_fresh(runs.ours), theirs=_fresh(runs.theirs(None)))
    per = {name: seconds / count * 1e6 for name, seconds in found.items()}
    what = f"{count:,} log calls with values, private, CPU a call"
    yield Row("B1a", what, "µs", per["ours"], "FileHandler", per["theirs"], "≤ 1.2×", 1.2)
    ours, theirs = (statistics.median(runs.p99[name]) * 1e6 for name in ("ours", "theirs"))
    yield Row("B1a", "the caller's 99th percentile", "µs", ours, "FileHandler", theirs, "≤ 1.0×", 1.0)


def logging_lines(count: int, rounds: int) -> Iterator[Row]:
    """B1b: formatted lines, scrubbed, sealed, flushed, against a plain file and against others that redact."""
    runs = _logging(count, _log_formatted, lines(count), "scrubbed")
    few = _logging(count, _log_formatted, lines(count)[: count // 10], "scrubbed")  # that one is slow
    found = alternate(
        rounds,
        ours=_fresh(runs.ours),
        plain=_fresh(runs.theirs(None)),
        mullvad=_fresh(runs.theirs(mullvad_like)),
        relay=lambda: _fresh(few.theirs(sentry_relay()))() * 10,
    )
    per = {name: seconds / count * 1e6 for name, seconds in found.items()}
    what = f"{count:,} formatted lines, scrubbed, CPU a line"
    yield Row("B1b", what, "µs", per["ours"], "FileHandler", per["plain"], "≤ 2.0×", 2.0)
    yield Row("B1b", what, "µs", per["ours"], "FileHandler, redacted as Mullvad does", per["mullvad"])
    yield Row("B1b", what, "µs", per["ours"], "FileHandler, Sentry Relay's scrubber", per["relay"], "< 1.0×", 1.0)


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
    yield Row("B2", what, "µs", per["ours"], "SQLCipher row+commit", per["cipher"], "≤ 0.15×", 0.15)
    yield Row("B2", what, "µs", per["ours"], "Glean event", per["glean"], "≤ 0.08×", 0.08)
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
    yield Row("B5", what, "ms", found["ours"] * 1e3, "SQLCipher + json", found["theirs"] * 1e3, "≤ 0.4×", 0.4)
