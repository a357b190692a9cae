"""Drives every public call on an odd machine; run as a program, so that nothing of it touches the tests' own process.

``python surroundings.py GROUP SETTINGS`` where ``SETTINGS`` is a JSON object: ``template`` (a folder with a bound vault
under the passphrase ``PASSPHRASE``), ``work`` (an empty folder), ``server``, ``trust``, ``trusted_root``. Prints a JSON
object: for each of the group's surroundings what every call came to.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from inspect import isfunction
from pathlib import Path
from typing import Any

import rocketvpn_sdk
from rocketvpn_sdk import Config, Limits, PassphraseSecrets, RocketVPN, doctor, load_policy, rights
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport.retries import Retries
from support.app_events import Crashed, SessionConnected
from support.forms import GATE, form
from support.offering import OFFER
from support.releases import made_up
from support.reporting import prepared_nowhere
from support.surveying import ANSWERS, SURVEY
from support.walking import LAST, Values, _groups, _keywords, _use, calls_of, heard, somewhere

PASSPHRASE = "correct horse"
TICKET = "localhost:9 / 0123456789ABCDEF"
APP = "org.example.vpn"
SECONDS = 5.0
FOREIGN = "foreign"
GROUP_NAMES = tuple(name for name, found in vars(RocketVPN).items() if isinstance(found, property))


class Machine:
    """One vault on a machine that is still in order; ``spoil`` is what happens to it while the vault is open."""

    def __init__(self, settings: dict[str, Any], place: Path) -> None:
        self.settings = settings
        self.place = place
        self.folder = place / "vault"
        self.data_dir = self.folder
        self.out = place / "out"
        self.clock: FakeClock | None = None
        self.undo: list[Callable[[], object]] = []
        place.mkdir(mode=0o700)
        self.out.mkdir(mode=0o700)
        shutil.copytree(settings["template"], self.folder)
        self.folder.chmod(0o700)

    def config(self) -> Config:
        policy = bundled_policy().with_hosts("operator", ("localhost",))
        more: dict[str, Any] = {} if self.clock is None else {"clock": self.clock}
        return Config(
            self.settings["server"],
            APP,
            data_dir=self.data_dir,
            secrets=PassphraseSecrets(PASSPHRASE),
            trust=Path(self.settings["trust"]),
            trusted_root=Path(self.settings["trusted_root"]),
            policy=policy,
            events=[SessionConnected, Crashed],
            authenticator=lambda _: None,
            receipts=self.place / "receipts",
            limits=Limits(total_timeout=SECONDS, connect_timeout=SECONDS, busy_timeout=0.2, close_timeout=1.0),
            **more,
        )

    def restore(self) -> None:
        while self.undo:
            with suppress(OSError):
                self.undo.pop()()


# ---------------------------------------------------------------- calls


def values(machine: Machine) -> Values:
    """Return what is passed, by the names of parameters: sound values, for it is the machine that is not."""
    kinds = [SessionConnected(region="de-fra", protocol="wireguard", duration=12), Crashed(failure="timeout")]

    def notices(rocket: RocketVPN) -> list[Any]:
        asked = rocket.consent.status().purposes
        return [rocket.consent.notice(part.purpose, recipient=part.recipient) for part in asked]

    return {
        "call": lambda _: [{"operation": "data.view"}, {"operation": "no.such"}],
        "kind": lambda _: [Notification],
        "callback": lambda _: [heard],
        "notification": lambda _: [Notification()],
        "look": lambda _: [dict],
        "kinds": lambda _: [[SessionConnected, Crashed]],
        "level": lambda _: ["ERROR"],
        "journal.compiled": lambda _: [{"kind": type(kind)} for kind in kinds],
        "journal.keep": lambda rocket: [
            {"compiled": rocket.journal.compiled(SessionConnected), "values": ("de-fra", "wireguard", 12)}
        ],
        "config": lambda _: [machine.config()],
        "order_number": lambda _: ["RV-2026-0001"],
        "device_id": lambda _: [None],
        "request_id": lambda rocket: [item.id for item in rocket.queue.items()] or ["none"],
        "ticket_id": lambda _: ["0" * 64],
        "journal.record.event": lambda _: list(kinds),
        "purpose": lambda _: ["improvement"],
        "language": lambda _: ["en"],
        "consent.grant.notice": notices,
        "consent.deny.notice": notices,
        "adult": lambda _: [True],
        "contact": lambda _: ["mum@family.example"],
        "of_age": lambda _: [False],
        "code": lambda _: ["000000"],
        "changes": lambda _: [{"contact_email": "kim.new@example.org"}],
        "scope": lambda _: ["logs", "account"],
        "plan": lambda rocket: [rocket.rights.plan_delete(scope) for scope in ("logs", "account")],
        "term": lambda _: ["contact_email"],
        "entry": lambda rocket: list(rocket.rights.sent())[:1],
        "body": lambda _: [b""],
        "policy.shown.notice": lambda rocket: [rocket.policy.notice()],
        "policy.accept.notice": lambda rocket: [rocket.policy.notice()],
        "policy.acknowledge.notice": lambda rocket: list(rocket.policy.notices()),
        "release": lambda _: [made_up()],
        "report": lambda _: [prepared_nowhere()],
        "survey_id": lambda _: [SURVEY.id],
        "answers": lambda _: [ANSWERS],
        "offer_id": lambda _: [OFFER.id],
        "path": somewhere(machine.out),
        "folder": somewhere(machine.out),
    }


def outside(machine: Machine) -> dict[str, Callable[[], Any]]:
    """Return the public functions that need no open vault, and the calls that open and end one."""
    return {
        "Config": machine.config,
        "Config.folder": lambda: Config("https://localhost:9", APP).folder,
        "public": lambda: rocketvpn_sdk.public("1.4.2"),
        "private": lambda: rocketvpn_sdk.private("Lena"),
        "hashed": lambda: rocketvpn_sdk.hashed("203.0.113.9"),
        "load_policy": lambda: load_policy(machine.place / "policy.toml"),
        "rights.check_receipt_file": lambda: rights.check_receipt_file(machine.place / "r.json", trusted_root=b"{}"),
        "rights.receipt_to_json": lambda: None,  # works on what it is given
        "rights.read_ticket": lambda: rights.read_ticket(TICKET),
        "rights.erase_with_ticket": lambda: rights.erase_with_ticket(_ticket(machine), trusted_root=b"{}"),
        "doctor.examine": lambda: doctor.examine(machine.config(), online=False),
        "RocketVPN.open": lambda: RocketVPN.open(machine.config()).close(),
        "RocketVPN.open locked": lambda: RocketVPN.open(machine.config(), unlock=False).close(),
        "RocketVPN.reset": lambda: RocketVPN.reset(machine.config()),
    }


def _ticket(machine: Machine) -> Any:
    from rocketvpn_sdk.rights.ticket import new_ticket

    return new_ticket(machine.settings["server"], "account")


def public_functions() -> set[str]:
    """Return every function that the package offers beside ``RocketVPN``."""
    homes = {"": rocketvpn_sdk, "rights.": rights, "doctor.": doctor}
    return {
        f"{prefix}{name}"
        for prefix, home in homes.items()
        for name in getattr(home, "__all__", ("examine",))
        if isfunction(getattr(home, name))
    }


class Driver:
    """Makes calls, and notes of each whether what came out was ours."""

    def __init__(self) -> None:
        self.came: dict[str, list[str]] = {}
        self.threads: list[str] = []
        threading.excepthook = lambda seen: self.threads.append(_told(seen.exc_value or SystemExit()))

    def make(self, name: str, call: Callable[[], Any]) -> None:
        try:
            _use(call())
            came = "done"
        except RocketVPNError as error:
            came = f"{type(error).__name__}: {error}"
        except BaseException as error:  # noqa: BLE001 - what comes out is what is looked for
            came = f"{FOREIGN} {_told(error)}"
        self.came.setdefault(name, []).append(came)

    def walk(self, rocket: RocketVPN, calls: dict[str, Any], given: Values, *, last: bool) -> None:
        """Make every call; those that end what the others need in a second walk."""
        for name, (thing, attribute, found) in calls.items():
            if (name in LAST) is not last:
                continue
            for keywords in self._passed(name, found, rocket, given):
                if isinstance(found, property):
                    self.make(name, lambda: getattr(thing, attribute))  # noqa: B023 - called at once
                else:
                    self.make(name, lambda: getattr(thing, attribute)(**keywords))  # noqa: B023 - called at once
            self.came.setdefault(name, [])

    def _passed(self, name: str, found: Any, rocket: RocketVPN, given: Values) -> list[dict[str, Any]]:
        passed: list[dict[str, Any]] = []
        self.make(f"{name} (what it needs)", lambda: passed.extend(_keywords(name, found, rocket, given)))
        return passed


def all_calls(rocket: RocketVPN) -> dict[str, Any]:
    """Return every public call, also those that ``calls_of`` leaves out since an app has no need of them."""
    found = calls_of(rocket)
    for prefix, thing in _groups(rocket):
        if prefix == "policy.":
            found |= {f"{prefix}{name}": (thing, name, getattr(type(thing), name)) for name in ("announce", "settle")}
    return found


def _told(error: BaseException) -> str:
    ours = [at for at in traceback.extract_tb(error.__traceback__) if "rocketvpn_sdk" in at.filename]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "nowhere of ours"
    return f"{type(error).__name__}: {error} at {where}"


# ---------------------------------------------------------------- surroundings

Spoil = Callable[[Machine], None]


def _descriptors(left: int) -> Spoil:
    def spoil(machine: Machine) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, hard))
        taken: list[int] = []
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(left):
            os.close(taken.pop())
        machine.undo += [
            lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
            lambda: [os.close(handle) for handle in taken],
        ]

    return spoil


def _file_size(most: int) -> Spoil:
    def spoil(machine: Machine) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        machine.undo.append(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))

    return spoil


def _mode(mode: int, what: str) -> Spoil:
    def spoil(machine: Machine) -> None:
        path = machine.place / what
        if path.exists():
            before = path.stat().st_mode & 0o777
            path.chmod(mode)
            machine.undo.append(lambda: path.chmod(before))

    return spoil


def _renamed(machine: Machine) -> None:
    moved = machine.place / "moved"
    machine.folder.rename(moved)
    machine.undo.append(lambda: (_remove(machine.folder), moved.rename(machine.folder)))


def _replaced(kind: str) -> Spoil:
    def spoil(machine: Machine) -> None:
        _renamed(machine)
        _put(machine.folder, kind)
        machine.undo.append(lambda: _remove(machine.folder))

    return spoil


def _removed(machine: Machine) -> None:
    shutil.rmtree(machine.folder)


def _in_place_of(name: str, kind: str) -> Spoil:
    def spoil(machine: Machine) -> None:
        path = machine.folder / name
        _remove(path)
        _put(path, kind)

    return spoil


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _put(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir(mode=0o700)
    elif kind == "link":
        (path.parent / "elsewhere").mkdir(exist_ok=True)
        path.symlink_to(path.parent / "elsewhere")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "garbage":
        path.write_bytes(b"\xff\xfe{" * 700)
        path.chmod(0o600)


def _elsewhere(machine: Machine) -> None:
    gone = machine.place / "gone"
    gone.mkdir()
    before = Path.cwd()
    os.chdir(gone)
    gone.rmdir()
    machine.undo.append(lambda: os.chdir(before))


def _umask(mask: int) -> Spoil:
    def spoil(machine: Machine) -> None:
        before = os.umask(mask)
        machine.undo.append(lambda: os.umask(before))

    return spoil


def _no_home(machine: Machine) -> None:
    before = {name: os.environ.pop(name) for name in ("HOME", "XDG_DATA_HOME", "TMPDIR") if name in os.environ}
    os.environ |= {"HOME": "~", "XDG_DATA_HOME": "data", "TMPDIR": "/nowhere"}
    machine.undo.append(lambda: os.environ.update(before))


def _clock(moment: float) -> Spoil:
    def spoil(machine: Machine) -> None:
        assert machine.clock is not None
        machine.clock.turn(moment - machine.clock.time())

    return spoil


def _full(machine: Machine) -> None:
    """Fill the disk, which is a small one of the machine's own."""
    ballast = machine.place / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    machine.undo.append(ballast.unlink)


def _nothing(machine: Machine) -> None:
    """Leave it as it is: then every call has to do its work."""


_OURS = ("lock.db", "courier.lock", "root.key", "vault.db", "updates", "updates/kept.json", "updates/lock.db",
    "vault.db-wal", ".root.key.new", "updates/targets")  # fmt: skip
_KINDS = ("nothing", "folder", "link", "fifo", "garbage") if GATE else ("garbage",)
"""What stands in the place of a file of ours."""

GROUPS: dict[str, dict[str, Spoil]] = {
    "sound": {"nothing is wrong": _nothing},
    "full": {"no room on the disk": _full},
    "descriptors": {f"{left} descriptors left": _descriptors(left) for left in (0, 1, 2, 3, 5, 8)},
    "limits": {f"files of {most} bytes": _file_size(most) for most in (0, 4096, 200_000)},
    "modes": {
        f"mode {mode:o} of {what or 'the folder above'}": _mode(mode, what)
        for mode in ((0o000, 0o500) if GATE else (0o500,))
        for what in ("", "vault", "out", "vault/vault.db", "vault/root.key", "vault/updates", "vault/updates/kept.json")
    },
    "folder": {
        "renamed": _renamed,
        "removed": _removed,
        **{f"{kind} in its place": _replaced(kind) for kind in ("folder", "link", "fifo", "garbage", "loop")},
    },
    **{
        f"files-{number}": {f"{kind} in place of {name}": _in_place_of(name, kind) for name in names for kind in _KINDS}
        for number, names in enumerate((_OURS[:2], _OURS[2:4], _OURS[4:7], _OURS[7:]))
    },
    "process": {
        "current folder removed": _elsewhere,
        "umask 0": _umask(0),
        "umask 0777": _umask(0o777),
        "no home": _no_home,
    },
    "clocks": {f"clock at {moment:.0f}": _clock(moment) for moment in (0.0, 1.0e8, 4.4e9, 9.2e9)},
}


GROUPS = {group: dict(list(each.items())[:: form(2, 1, 1)]) for group, each in GROUPS.items()}


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def drive(settings: dict[str, Any], place: Path, spoil: Spoil, *, clock: bool, group: str) -> dict[str, Any]:
    """Spoil the machine while its vault is open, make every call, and see what is left once it is in order again."""
    machine = Machine(settings, place)
    machine.clock = FakeClock(1_800_000_000.0) if clock else None
    driver = Driver()
    with _within(place):
        if group == "process":
            machine.data_dir = Path("vault")  # relative: meant once, and for good
        config = machine.config()
    rocket = RocketVPN.open(config)
    given = values(machine)
    if group == "descriptors":  # what is loaded at its first use is in files, too
        spoil(machine)
        for name in GROUP_NAMES:
            driver.make(f"{name} (first use)", lambda: getattr(rocket, name))  # noqa: B023 - called at once
        driver.make("status (first use)", rocket.status)
        machine.restore()
    calls = all_calls(rocket)
    spoil(machine)
    try:
        driver.walk(rocket, calls, given, last=False)
        functions = outside(machine)
        for name in functions:
            if name != "RocketVPN.reset":
                driver.make(name, functions[name])
    finally:
        machine.restore()
    left = _left(machine, driver)
    if not group.startswith("files"):  # those are still as they were made
        spoil(machine)
    try:
        driver.walk(rocket, calls, given, last=True)
    finally:
        machine.restore()
    driver.make("RocketVPN.reset", lambda: RocketVPN.reset(machine.config()))
    return {"came": driver.came, "threads": driver.threads, "left": left}


def _left(machine: Machine, driver: Driver) -> str:
    """Open the vault once more beside the one that is open, after all is in order again; return what comes."""
    try:
        with RocketVPN.open(machine.config()) as again:
            again.verify()
            return again.status().vault.state
    except RocketVPNError as error:
        return type(error).__name__
    except BaseException as error:  # noqa: BLE001 - as above
        return f"{FOREIGN} {_told(error)}"


def main(group: str, settings: dict[str, Any]) -> None:
    Retries.pause = lambda self, seconds: None  # type: ignore[method-assign] # nobody is there: no need to wait
    found = {}
    for number, (name, spoil) in enumerate(GROUPS[group].items()):
        place = Path(os.fsdecode(settings["work"].encode()), str(number))  # as an argument would come in
        found[name] = drive(settings, place, spoil, clock=group == "clocks", group=group)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
