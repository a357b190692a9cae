"""No network, a full disk, a keyring that locks, a kill: at every step of every right.

The state is told truthfully each time, nothing half done is called done, and going on later ends right: once at the
server. The long form (every step):

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_rights_faults.py --timeout=3600
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from support.disks import mounted, stuff
from support.fault_proxy import faulty_line
from support.forms import form
from support.fronted import counted_acts
from support.rights_faults import Line, Person, counted_exchanges
from support.rights_walk import RIGHTS, Right, UseTicket, whole

from rocketvpn_sdk.errors import ReceiptInvalid, RocketVPNError

pytestmark = [pytest.mark.timeout(form(120, 120, 3_600)), pytest.mark.usefixtures("no_pauses")]

MOST = 100
"""More exchanges, or calls to a secret store, than any right takes."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("line")
    with counted_acts() as acts, faulty_line(folder / "server") as (sandbox, proxy), counted_exchanges() as exchanges:
        yield Line(sandbox, proxy, acts, exchanges)


class Walk:
    """Uses one right again and again, with a fault one step further each time, until it is over before the fault."""

    def __init__(self, line: Line, folder: Path, name: str) -> None:
        self.line = line
        self._folder = folder
        self._name = name
        self._who: Person | None = None
        self.came: list[Any] = []
        self.struck = False
        """Whether the secret store was gone in the last step."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._who is not None:
            self._who.leave()

    def exchange(self, at: int, act: Callable[[], object], mend: Callable[[], object], *, after: bool) -> None:
        """Have ``act`` happen before or after exchange ``at``."""
        self._step(lambda _: self.line.exchanges.arm(at, act, after=after), mend)

    def secret(self, at: int, how: str, mend: Callable[[], object]) -> None:
        """Have the secret store be gone from call ``at`` on."""
        self._step(lambda who: who.secrets.arm(at, how), mend)

    def _step(self, arm: Callable[[Person], object], mend: Callable[[], object]) -> None:
        right: Right = RIGHTS[self._name]()
        who = self._who = self._who or Person(self.line, self._folder / f"person-{len(self.came)}", right.bound)
        right.prepare(who)
        who.reopen()  # so that nothing is known yet of the server: each exchange happens here
        arm(who)
        try:
            came = right.go(who)
        except right.raises as error:
            came = error
        finally:
            self.struck = who.secrets.struck
            who.secrets.calm()
            mend()
        self.came.append(came)
        right.true(who, came)
        whole(who)
        if len(self.came) % 2:
            who.reopen()
            who.notes.pop("owner", None)
        right.again(who)
        whole(who)
        self.line.calm()
        if right.destroys:
            who.leave()
            self._who = None

    def end(self, at: int, *, least: int = 1) -> None:
        """Check that the fault struck at least so often, and that the last time was without it."""
        assert least <= at < MOST - form(2, 1, 1) * max(STRIDES.values())
        assert not isinstance(self.came[-1], RocketVPNError), "without a fault it goes"


STRIDES = {"view": 5, "export": 6, "correct": 2, "delete-logs": 4, "delete-device": 14, "delete-account": 17}
STRIDES |= {"owner-view": 5, "owner-delete": 7, "make-ticket": 6, "revoke-ticket": 3, "use-ticket": 5}
"""At the gate every so many steps."""


def steps(name: str, first: int) -> range:
    """Return at which steps the fault comes; in the short form each kind of it begins at another one."""
    stride = form(2 * STRIDES.get(name, 1), STRIDES.get(name, 1), 1)
    return range(first * 2 % stride, MOST, stride)


@pytest.fixture
def mend(line: Line) -> Iterator[Callable[[], None]]:
    yield line.calm
    line.calm()


# ---------------------------------------------------------------- the network

NETWORK: dict[str, Callable[[Line], object]] = {
    "an answer lost": lambda line: line.sandbox.faults.lose_answers(1),
    "all answers lost": lambda line: line.sandbox.faults.lose_answers(1_000),
    "cut before": Line.cut,
    "cut after": Line.cut,
}


@pytest.mark.clause("A1", "A2", "A3")
@pytest.mark.one_in(5)
@pytest.mark.parametrize("fault", NETWORK)
@pytest.mark.parametrize("name", RIGHTS)
def test_attack_no_network_at_every_exchange(
    line: Line, tmp_path: Path, mend: Callable[[], None], name: str, fault: str
) -> None:
    with Walk(line, tmp_path, name) as walk:
        for at in steps(name, list(NETWORK).index(fault)):
            walk.exchange(at, lambda: NETWORK[fault](line), mend, after="after" in fault)
            if not line.exchanges.struck:
                break
        walk.end(at)


# ---------------------------------------------------------------- the disk


@pytest.mark.component("tmpfs")
@pytest.mark.clause("A1", "A2", "A3")
@pytest.mark.parametrize("name", [name for name in RIGHTS if name != "use-ticket"])
def test_attack_disk_full_at_every_exchange(line: Line, tmp_path: Path, mend: Callable[[], None], name: str) -> None:
    with mounted(tmp_path / "disk", "size=4m,mode=0700") as disk, Walk(line, disk, name) as walk:

        def empty() -> None:
            (disk / "ballast").unlink(missing_ok=True)
            mend()

        for at in steps(name, 1):
            walk.exchange(at, lambda: stuff(disk), empty, after=bool(at % 3))
            if not line.exchanges.struck:
                break
        walk.end(at)


@pytest.mark.component("tmpfs")
@pytest.mark.clause("A3")
def test_attack_disk_full_does_not_keep_a_ticket_from_erasing(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no room for the operator's signed files, even in a temporary folder."""
    right, who = UseTicket(), Person(line, tmp_path / "person", bound=True)
    right.prepare(who)
    with mounted(tmp_path / "disk", "size=64k,nr_inodes=1,mode=0700") as disk, monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(ReceiptInvalid, match="vault-full") as raised:
            right.go(who)
    right.true(who, raised.value)
    who.leave()


# ---------------------------------------------------------------- the keyring

KEYRING = [(name, how) for name in RIGHTS for how in ("locked", "unavailable", "missing")]
KEYRING = [(name, how) for name, how in KEYRING if name != "use-ticket" and ("delete-" in name or how == "locked")]
"""Of those that delete nothing here, none needs it."""


@pytest.mark.clause("A1", "A2", "A3")
@pytest.mark.one_in(4)
@pytest.mark.parametrize(("name", "how"), KEYRING)
def test_attack_keyring_gone_at_every_call(
    line: Line, tmp_path: Path, mend: Callable[[], None], name: str, how: str
) -> None:
    with Walk(line, tmp_path, name) as walk:
        for at in steps(name, 1):
            walk.secret(at, how, mend)
            if not walk.struck:
                break
        walk.end(at, least=1 if "delete-" in name else 0)
