"""``kill -9`` at any point of a deletion: after a restart it completes, once at the server, and nothing is left here.

The long form (every seam): ``ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_deletion_kill.py --timeout=3600``
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.crash import FileSecrets
from support.crash_steps import SURVIVED
from support.deletion_steps import SEAMS, DeletionSteps, config
from support.forms import form

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.identity import CREDENTIALS, Credentials, DeviceKey
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.vault.verify import verify

pytestmark = [pytest.mark.timeout(form(120, 120, 3_600)), pytest.mark.usefixtures("no_pauses")]

KILLED = -9
NOWHERE = "https://localhost:9"
STRIDES = {
    "sync": {"statement": 55, "secret": 9, "exchange": 3, "removal": 2},
    "delete": {"statement": 120, "secret": 15, "exchange": 7, "removal": 3},
}
"""At the gate every so many seams."""


@pytest.fixture(scope="module")
def steps() -> Iterator[DeletionSteps]:
    with DeletionSteps() as steps:
        yield steps


@dataclass
class Device:
    """A bound device that is about to be deleted."""

    folder: Path
    sandbox: Sandbox
    jkt: str = ""
    roots: frozenset[str] = frozenset()

    def bind(self, *, queued: bool) -> None:
        """Bind; with ``queued`` also ask for the deletion, offline."""
        self.folder.mkdir()
        with self.open() as rocket:
            rocket.device.bind(self.sandbox.order())
            credentials = rocket._components.vault.get(CREDENTIALS, Credentials)
            assert credentials is not None
            self.jkt = DeviceKey.from_bytes(credentials.private_key).thumbprint
        if queued:
            with self.open(NOWHERE) as rocket:
                outcome = rocket.rights.delete(rocket.rights.plan_delete("device"))
                assert outcome.server.state == "waiting_for_connection"
        self.roots = self.secrets()

    def open(self, server: str | None = None) -> RocketVPN:
        return RocketVPN.open(config(self.folder, server or self.sandbox.url, self.sandbox.ca_file))

    def secrets(self) -> frozenset[str]:
        return frozenset(FileSecrets(self.folder / "secrets.json").entries())

    def gone(self) -> None:
        """Check that nothing is left here but the receipt."""
        assert len(list((self.folder / "receipts").glob("erasure-receipt-*.json"))) == 1
        assert not (self.folder / "vault").exists()
        assert not self.secrets()

    def requests(self) -> int:
        """Return how many deletions the server knows of."""
        return sum(row["jkt"] == self.jkt for row in self.sandbox.rows()["rights_requests"])


def restart(device: Device) -> bool:
    """Start the app again and let it sync; return whether the deletion was ever asked for."""
    with device.open() as rocket:
        verify(rocket._components.vault)
        before = rocket.status()
        after = rocket.sync()
    if before.bound:  # only before the deletion's own commit: then all is as it was
        assert (before.waiting, device.requests()) == (0, 0)
        return False
    if before.waiting:
        assert after.vault.state == "closed"
        device.gone()
    else:  # the kill came while the last was being removed; what is there now is a new vault, and empty
        assert (after.bound, after.waiting) == (False, 0)
        assert len(list((device.folder / "receipts").glob("erasure-receipt-*.json"))) == 1
        assert not device.roots & device.secrets(), "a key of what was deleted is still there"
    return True


@pytest.mark.clause("A3")
@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", SEAMS)
@pytest.mark.parametrize("step", STRIDES)
def test_attack_kill_9_at_any_point_of_a_deletion(
    steps: DeletionSteps, sandbox: Sandbox, acts: Counter[tuple[str, str]], tmp_path: Path, step: str, kind: str
) -> None:
    """Whether it waited in the queue (sync) or is asked for now (delete): all of it, once, or nothing of it."""
    for at in range(0, 2_000, form(3 * STRIDES[step][kind], STRIDES[step][kind], 1)):
        device = Device(tmp_path / str(at), sandbox)
        device.bind(queued=step == "sync")
        place = {"folder": str(device.folder), "server": sandbox.url, "ca_file": str(sandbox.ca_file)}
        ended = steps.run(step, **place, kind=kind, at=at)
        if ended == SURVIVED:
            device.gone()
        else:
            assert ended == KILLED
        asked = True if ended == SURVIVED else restart(device)
        assert asked or step == "delete"
        assert device.requests() == asked, "exactly once at the server"
        assert sum(times for (jkt, _), times in acts.items() if jkt == device.jkt) == asked
        if ended == SURVIVED:
            break
    assert 0 < at < 1_999
