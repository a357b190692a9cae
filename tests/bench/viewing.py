"""B9: the whole report over a full log and a full ledger, its time and its memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # for `bench`, where this is a process of its own

from bench.data import EVENTS, events  # noqa: E402 - the path is set above
from bench.measure import Row, cpu  # noqa: E402 - the path is set above
from rocketvpn_sdk import Config, RocketVPN  # noqa: E402 - the path is set above
from rocketvpn_sdk.policy import bundled_policy  # noqa: E402 - the path is set above
from rocketvpn_sdk.testing import MemorySecrets  # noqa: E402 - the path is set above

_ROUNDS = 5


def viewing(log_records: int, sent_records: int) -> Iterator[Row]:
    """Write in one process and measure in another: memory that was used before would hide what is used now."""
    with tempfile.TemporaryDirectory() as folder:
        for work in ("fill", "measure"):
            command = [sys.executable, __file__, work, folder, str(log_records), str(sent_records)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    what = f"rights.view(), {log_records:,} log and {sent_records:,} sent records, CPU"
    note = "the server is not asked: this device is not bound"
    yield Row("B9", what, "ms", found["view"], goal="≤ 1000 ms", limit=1000.0, note=note)
    yield Row("B9", "its memory at the peak, above idle", "MiB", found["memory"], goal="≤ 64 MiB", limit=64.0)
    yield Row("B9", "that report as a page", "ms", found["page"])


def _opened(folder: Path) -> RocketVPN:
    secrets, kept = MemorySecrets(), folder / "secrets.json"
    for name, secret in json.loads(kept.read_text()).items() if kept.exists() else ():
        secrets.set(name, bytes.fromhex(secret))
    config = Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=folder / "vault",
        secrets=secrets,
        events=EVENTS,
    )
    rocket = RocketVPN.open(config)
    kept.write_text(json.dumps({name: (secrets.get(name) or b"").hex() for name in secrets.names()}))
    return rocket


def _fill(folder: Path, log_records: int, sent_records: int) -> None:
    """Write a log and a ledger; the calls themselves are B6's."""
    from rocketvpn_sdk.transport.guard import ApprovedRequest

    operations = bundled_policy().document.operation
    with _opened(folder) as rocket:
        for event in events(log_records):
            rocket.journal.record(event)
        rocket.journal.flush()
        ledger = rocket._components.api.sent
        for number in range(sent_records):
            operation = operations[number % len(operations)]
            ledger.finish(ledger.begin(ApprovedRequest(operation, operation.fields), b"{}"), "200", 1)


def _measure(folder: Path, log_records: int, sent_records: int) -> dict[str, float]:
    with _opened(folder) as rocket:
        view = rocket.rights.view  # loads what has to be loaded
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        idle = _kib("VmRSS")
        report = view()
        peak = _kib("VmHWM")
        held = {value.field: value.count for value in report.here}
        if (held["recorded_at"], held["sent_record"]) != (log_records, sent_records):
            raise RuntimeError(f"the report has {held}")
        views = [cpu(view) for _ in range(_ROUNDS)]
        pages = [cpu(report.to_html) for _ in range(_ROUNDS + 1)][1:]
    return {
        "view": statistics.median(views) * 1e3,
        "memory": (peak - idle) / 1024,
        "page": statistics.median(pages) * 1e3,
    }


def _kib(name: str) -> int:
    """Return one of the kernel's figures about this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


if __name__ == "__main__":
    place, sizes = Path(sys.argv[2]), (int(sys.argv[3]), int(sys.argv[4]))
    if sys.argv[1] == "fill":
        _fill(place, *sizes)
    else:
        print(json.dumps(_measure(place, *sizes)))
