"""Whatever an app passes to a public call, or its own functions do, nothing but an error of ours comes out.

Every public call is found by looking (``support.walking``). What an app's own code raised is never in our sentence.
"""

from __future__ import annotations

import inspect
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from support import grown_up
from support.app_events import SessionConnected
from support.forms import GATE
from support.hostile_values import Boom, boom, few_values, hostile_values
from support.walking import _keywords, calls_of, heard
from support.world import World

from rocketvpn_sdk import Config, Limits, PassphraseSecrets, Policy, RocketVPN, doctor, load_policy
from rocketvpn_sdk.errors import AuthenticatorFailed, CallbackFailed, RocketVPNError, ValueRefused
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.rights import (
    check_receipt_file,
    erase_with_ticket,
    read_ticket,
    receipt_to_json,
)
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import KeyringSecrets

WIRING = {"journal.keep", "journal.compiled", "journal.register", "journal.inventory", "events.emit", "events.heard"}
"""Calls of one component to another, which docs/api.md does not list."""

SOME = hostile_values if GATE else few_values
"""At the gate everything is tried everywhere; else some of it where there are many places."""
SECRET = "swordfish"
"""What the app's own errors say."""


class Trial(NamedTuple):
    call: str
    argument: str
    value: str


class Trials:
    """Makes calls with something wrong, and keeps what came out that should not."""

    def __init__(self) -> None:
        self.made: list[Trial] = []
        self.wrong: list[str] = []

    def make(self, trial: Trial, call: Callable[[], Any]) -> None:
        self.made.append(trial)
        try:
            result = call()
            if isinstance(result, Iterator):
                list(result)
        except RocketVPNError as error:
            if SECRET in f"{error} {error!r} {error.remedy}":
                self.wrong.append(f"{trial}: repeats what the app's code said")
        except BaseException as error:  # noqa: BLE001 - this is what is looked for
            self.wrong.append(f"{trial}: {type(error).__name__} {_place(error)}")

    def each(self, name: str, function: Callable[[], Callable[..., Any]], good: Mapping[str, Any], *more: str) -> None:
        """Make a call with every hostile value for every argument, one at a time; ``more`` are those left out else."""
        for argument in dict.fromkeys((*good, *more)):
            for what, value in hostile_values().items():
                self.make(Trial(name, argument, what), partial(function(), **{**good, argument: value}))

    def finish(self, at_least: int) -> None:
        assert self.wrong == [], "\n".join(self.wrong)
        assert len(self.made) >= at_least


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the values are relative paths that work."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


class Device:
    """A bound device, made again where a call ended it."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        notices = {"policy.shown.notice": _nothing, "policy.accept.notice": _nothing}
        self.values = grown_up.values(world, folder) | notices
        self.rocket = RocketVPN.open(self.config())

    def config(self) -> Config:
        return self.world.config(events=grown_up.EVENTS)

    def ready(self) -> RocketVPN:
        """Return it open and bound."""
        status = self.rocket.status()
        if status.vault.state != "unlocked":
            self.rocket = RocketVPN.open(self.config())
        if self.rocket.device.binding is None:
            self.rocket.rights.forget_now()
            if self.rocket.status().vault.state != "unlocked":
                self.rocket = RocketVPN.open(self.config())
            self.rocket.device.bind(self.world.sandbox.order())
            self.rocket.consent.declare_age(True)
        return self.rocket

    def calls(self) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """Yield every public call: its name, arguments that work, and those that can be left out."""
        for name, (_, _, found) in calls_of(self.ready()).items():
            if not isinstance(found, property) and name not in WIRING:
                yield name, next(_keywords(name, found, self.ready(), self.values)), _optional(found)

    def call(self, name: str) -> Callable[..., Any]:
        """Return a call of a device that is ready for it."""
        group, _, attribute = name.rpartition(".")
        rocket = self.ready()
        found: Callable[..., Any] = getattr(getattr(rocket, group) if group else rocket, attribute)
        return found


def _nothing(_: RocketVPN) -> list[Any]:
    return [None]


def _optional(found: Any) -> list[str]:
    function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    parameters = inspect.signature(function).parameters.items()
    return [name for name, parameter in parameters if parameter.default is not parameter.empty]


@pytest.fixture
def device(sandbox: Sandbox, tmp_path: Path) -> Iterator[Device]:
    device = Device(World(sandbox, tmp_path / "vault"), tmp_path / "files")
    (tmp_path / "files").mkdir()
    device.ready()
    yield device
    device.rocket.close()


def test_every_public_call_with_every_hostile_value(device: Device) -> None:
    trials = Trials()
    for name, good, optional in device.calls():
        trials.each(name, partial(device.call, name), good, *optional)
    trials.finish(2_000)
    device.ready().verify()


def test_every_function_and_constructor_with_every_hostile_value(device: Device, tmp_path: Path) -> None:
    rocket, world = device.ready(), device.world
    ticket = rocket.rights.make_ticket("device")
    receipt = rocket.rights.delete(rocket.rights.plan_delete("logs")).server.receipt
    assert receipt is not None
    kept = tmp_path / "receipt.json"
    kept.write_bytes(receipt_to_json(receipt))
    policy = tmp_path / "policy.json"
    policy.write_bytes(world.sandbox.policy.canonical_json())
    trials = Trials()
    for function, good in {
        Config: {"server": world.sandbox.url, "app_id": "org.example.vpn"},
        PassphraseSecrets: {"passphrase": "right", "path": tmp_path / "root.key"},
        KeyringSecrets: {"timeout": 1.0},
        load_policy: {"path": policy},
        world.sandbox.policy.with_hosts: {"recipient": "operator", "hosts": ("h.example",)},
        rocket.rights.view().to_html: {"language": "en"},
        doctor.examine: {"config": device.config(), "online": False},
        read_ticket: {"text": ticket.text},
        receipt_to_json: {"receipt": receipt},
        check_receipt_file: {"path": kept, "trusted_root": world.sandbox.trusted_root, "server": None, "clock": None},
        erase_with_ticket: {
            "ticket": ticket,
            "trust": world.sandbox.ca_file,
            "pins": (),
            "trusted_root": None,
            "proxy": None,
            "clock": None,
            "limits": None,
        },
        rocket.rights.as_owner("RV-2026-0001").view: {"language": "en"},
        rocket.rights.as_owner("RV-2026-0001").delete: {"scope": "device", "device_id": "A" * 52},
    }.items():
        more = Config.__struct_fields__ if function is Config else ()
        trials.each(function.__qualname__, lambda found=function: found, good, *more)
    for bound in Limits.__struct_fields__:
        trials.each("Limits", lambda: Limits, {bound: 1})
    trials.finish(1_000)


def test_every_call_with_an_altered_value_of_ours(device: Device) -> None:
    """A frozen value can be copied with anything in it: msgspec checks nothing then."""
    rocket = device.ready()
    receipt = rocket.rights.delete(rocket.rights.plan_delete("logs")).server.receipt
    assert receipt is not None
    version = msgspec.structs.replace(device.world.sandbox.policy.document, version=99)
    device.world.sandbox.publish(Policy(version))
    news = rocket.policy.check()
    assert news is not None
    event = SessionConnected(region="de-fra", protocol="wireguard", duration=1)
    given: tuple[tuple[str, str, msgspec.Struct, dict[str, Any]], ...] = (
        ("rights.delete", "plan", rocket.rights.plan_delete("logs"), {}),
        ("rights.correct", "seen", rocket.rights.view(), {"changes": {"language": "de"}}),
        ("rights.sent_matches", "entry", next(iter(rocket.rights.sent())), {"body": b"x"}),
        ("consent.grant", "notice", rocket.consent.notice("improvement"), {}),
        ("consent.deny", "notice", rocket.consent.notice("improvement"), {}),
        ("policy.shown", "notice", news, {}),
        ("policy.accept", "notice", news, {}),
        ("journal.record", "event", event, {}),
        ("receipt_to_json", "receipt", receipt, {}),
        ("erase_with_ticket", "ticket", rocket.rights.make_ticket("device"), {"trust": device.world.sandbox.ca_file}),
    )
    functions: dict[str, Callable[..., Any]] = {
        "receipt_to_json": receipt_to_json,
        "erase_with_ticket": erase_with_ticket,
    }
    trials = Trials()
    for name, argument, value, more in given:
        for field in value.__struct_fields__:
            for what, wrong in SOME().items():
                altered = msgspec.structs.replace(value, **{field: wrong})
                call = functions.get(name) or device.call(name)
                trials.make(Trial(name, field, what), partial(call, **{argument: altered}, **more))
    trials.finish(500)
    device.ready().verify()


BEHAVIOURS: dict[str, Callable[..., Any]] = {
    "raises": boom,
    **{f"returns {name}": lambda *_, v=value: v for name, value in SOME().items()},
}
"""What a function of the app's own may do."""

USES: dict[str, Callable[[RocketVPN, World, Callable[..., Any], Path], Any]] = {
    "authenticator": lambda rocket, world, *_: rocket.rights.as_owner(_own_order(world)),
    "proxy": lambda rocket, *_: rocket.ask_server(),
    "passphrase": lambda rocket, *_: rocket.status(),
    "progress": lambda rocket, _, behaviour, folder: rocket.rights.export(
        folder / "data.zip", progress=behaviour, overwrite=True
    ),
    "dispatch": lambda rocket, *_: rocket._components.events.emit(Notification()),
    "subscriber": lambda rocket, *_: rocket._components.events.emit(Notification()),
}
"""A call that makes use of each."""


def _own_order(world: World) -> str:
    """Return an order with an address of its own: the server refuses too many codes for one before anybody is asked."""
    return world.sandbox.order(email=f"{uuid.uuid4()}@example.org")


@pytest.mark.parametrize("where", USES)
def test_every_function_of_the_apps_own_with_every_behaviour(device: Device, where: str, tmp_path: Path) -> None:
    trials, world, asked = Trials(), device.world, Counter[str]()
    device.ready().close()
    for what, behaviour in BEHAVIOURS.items():

        def counted(*given: Any, _call: Callable[..., Any] = behaviour, _what: str = what) -> Any:
            asked[_what] += 1
            return _call(*given)

        trials.make(Trial("a call", where, what), partial(_use, where, counted, world, tmp_path))
    trials.finish(len(BEHAVIOURS))
    assert asked.keys() == BEHAVIOURS.keys()


def _use(where: str, behaviour: Callable[..., Any], world: World, folder: Path) -> None:
    options: dict[str, Any] = {where: behaviour} if where in ("authenticator", "dispatch", "proxy") else {}
    if where == "passphrase":
        options = {"secrets": PassphraseSecrets(behaviour), "data_dir": folder / "with-passphrase"}
    with RocketVPN.open(world.config(**options)) as rocket:
        rocket.events.subscribe(Notification, behaviour if where == "subscriber" else heard)
        USES[where](rocket, world, behaviour, folder)


def test_what_an_apps_function_raised_is_the_cause_and_nothing_was_done(device: Device, tmp_path: Path) -> None:
    device.ready().close()
    with RocketVPN.open(device.world.config(authenticator=boom)) as rocket:
        with pytest.raises(AuthenticatorFailed) as caught:
            rocket.rights.as_owner(_own_order(device.world))
        assert isinstance(caught.value.__cause__, Boom)
        with pytest.raises(CallbackFailed, match=r"failed \(Boom\).*\n.*passed as progress") as stopped:
            rocket.rights.export(tmp_path / "data.zip", progress=boom)
        assert isinstance(stopped.value.__cause__, Boom)
        assert not (tmp_path / "data.zip").exists()


def test_a_plan_that_was_altered_deletes_nothing(device: Device) -> None:
    rocket = device.ready()
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    held = len(list(rocket.journal.read()))
    plan = msgspec.structs.replace(rocket.rights.plan_delete("logs"), scope="everything")
    with pytest.raises(ValueRefused, match="its 'scope' was altered: it must be one of logs, device, account"):
        rocket.rights.delete(plan)
    assert len(list(rocket.journal.read())) == held
    assert rocket.device.binding is not None


@pytest.mark.parametrize("method", ["get", "set", "delete", "beside", "discard"])
def test_every_method_of_an_apps_own_secret_store_with_every_behaviour(method: str, tmp_path: Path) -> None:
    trials = Trials()
    for count, (what, behaviour) in enumerate(BEHAVIOURS.items()):
        config = Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path / f"{count}")
        store = type("OwnSecrets", (MemorySecrets,), {})()
        RocketVPN.open(msgspec.structs.replace(config, secrets=store)).close()
        setattr(type(store), method, lambda *_, b=behaviour: b())
        config = msgspec.structs.replace(config, secrets=store)
        trials.make(Trial("open", method, what), lambda c=config: RocketVPN.open(c).close())
        trials.make(Trial("reset", method, what), partial(RocketVPN.reset, config))
    trials.finish(2 * len(BEHAVIOURS))


@pytest.mark.parametrize("method", ["time", "monotonic"])
def test_a_clock_of_the_apps_own_with_every_behaviour(device: Device, method: str) -> None:
    trials = Trials()
    device.ready().close()
    moments: dict[str, Callable[..., Any]] = {
        **BEHAVIOURS,
        **{f"returns {moment}": lambda *_, m=moment: m for moment in (-1.0, 1e12, 1e300, float("nan"), float("-inf"))},
    }
    for what, behaviour in moments.items():
        clock = type("OwnClock", (FakeClock,), {})()
        rocket = RocketVPN.open(device.world.config(clock=clock))
        setattr(type(clock), method, lambda *_, b=behaviour: b())
        for name in ("status", "sync", "journal.read", "rights.view", "ask_server"):
            trials.make(Trial(name, method, what), lambda r=rocket, n=name: attrgetter(n)(r)())
        event = SessionConnected(region="de-fra", protocol="wireguard", duration=1)
        trials.make(Trial("journal.record", method, what), partial(rocket.journal.record, event))
        trials.make(Trial("close", method, what), rocket.close)
    trials.finish(5 * len(moments))


def test_a_store_that_looks_empty_is_not_replaced_by_the_keyring(tmp_path: Path) -> None:
    class Own(MemorySecrets):
        label = property(boom)  # type: ignore[assignment] # what an app may do

        def __len__(self) -> int:
            return 0

    own = Own()
    config = Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path / "vault", secrets=own)
    assert config.resolved_secrets is own
    RocketVPN.open(config).close()
    assert len(own.names()) == 2  # the root, and the count of its replacements
