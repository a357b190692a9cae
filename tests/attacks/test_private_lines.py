"""Values that try to stay in a log line: by forged constants, and by classes that lie about themselves."""

from __future__ import annotations

import enum
import importlib.util
import logging
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.personal import found_in

from rocketvpn_sdk import Config, RocketVPN, hashed, public
from rocketvpn_sdk.journal.lines import modules
from rocketvpn_sdk.journal.lines.values import PrivateValue
from rocketvpn_sdk.testing import MemorySecrets

ADDRESS = ".".join(("203", "0", "113", "77"))  # so that no code has it as a constant
NAME = " ".join(("Lena", "Fischer"))

pytestmark = pytest.mark.clause("C2")


@pytest.fixture
def rocket(tmp_path: Path) -> Iterator[RocketVPN]:
    secrets = MemorySecrets()
    with RocketVPN.open(
        Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path / "vault", secrets=secrets)
    ) as rocket:
        yield rocket


@pytest.fixture
def log(rocket: RocketVPN) -> logging.Logger:
    log = logging.Logger("app.attacked", logging.DEBUG)  # noqa: LOG001 - pytest looks into those of the tree
    log.addHandler(rocket.journal.handler())
    return log


def kept(rocket: RocketVPN) -> list[str]:
    entries = list(rocket.journal.read())
    said = [str(entry.fields["message"]) for entry in entries] + [str(entry.fields["exception"]) for entry in entries]
    assert found_in(" ".join(said), [ADDRESS, NAME]) == [], said
    return said[: len(entries)]


# ---------------------------------------------------------------- forged constants


def test_attack_a_constant_that_was_made_at_run_time(rocket: RocketVPN, log: logging.Logger) -> None:
    text = f"the tunnel to {ADDRESS} is up"
    exec(f"log.info({text!r})", {"log": log})
    exec(f"log.info({text!r})", {**globals(), "log": log})
    exec(compile(f"log.info({text!r})", __file__, "exec"), globals(), {"log": log})
    eval(f"log.info({text!r})", {"log": log, "__name__": __name__})
    exec(f"log.info({text!r})", {"log": log, "__name__": "logging", "__loader__": __loader__, "__spec__": __spec__})
    assert kept(rocket) == ["the tunnel to [ip] is up"] * 5


def test_attack_code_whose_constants_were_replaced(rocket: RocketVPN, log: logging.Logger) -> None:
    def said() -> None:
        log.info("the tunnel is up")

    said()
    changed = tuple(
        f"the tunnel to {ADDRESS} is up" if each == "the tunnel is up" else each for each in said.__code__.co_consts
    )
    said.__code__ = said.__code__.replace(co_consts=changed)
    said()
    types.FunctionType(said.__code__, globals(), closure=said.__closure__)()
    assert kept(rocket) == ["the tunnel is up", "the tunnel to [ip] is up", "the tunnel to [ip] is up"]


def test_attack_a_module_without_a_file_says_that_it_has_one(rocket: RocketVPN, log: logging.Logger) -> None:
    class Loader:
        def get_code(self, name: str) -> types.CodeType:
            return compile(f"'the tunnel to {ADDRESS} is up'; x = 'the tunnel to {ADDRESS} is up'", name, "exec")

    module = types.ModuleType("forged_module")
    module.__loader__ = Loader()  # type: ignore[assignment] # an attack: a loader that lies
    module.__spec__ = None
    module.__dict__["log"] = log
    sys.modules["forged_module"] = module
    try:
        exec(f"log.info('the tunnel to {ADDRESS} is up')", module.__dict__)
    finally:
        del sys.modules["forged_module"]
    assert kept(rocket) == ["the tunnel to [ip] is up"]


def test_attack_one_modules_constant_is_no_others(rocket: RocketVPN, log: logging.Logger, tmp_path: Path) -> None:
    """Both are found by their namespace, and a file that is changed afterwards changes nothing that was read before."""
    file = tmp_path / "told.py"
    file.write_text("def said(log, *values):\n    log.info('told by the other of %s', *values)\n", "utf-8")
    spec = importlib.util.spec_from_file_location("told", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["told"] = module
    spec.loader.exec_module(module)
    try:
        module.said(log, NAME)
        assert "told by the other of %s" in modules.written_in(vars(module)).strings
        assert "told by the other of %s" not in modules.written_in({**vars(module)}).strings
    finally:
        del sys.modules["told"]
    assert kept(rocket) == ["told by the other of [text]"]


def test_attack_a_record_that_names_the_place_of_another_call(rocket: RocketVPN, log: logging.Logger) -> None:
    """Made by hand: whatever place it names, only what stands in that code would stay."""
    handler = log.handlers[0]
    for place in ({}, {"pathname": __file__, "funcName": "test_attack_a_record_that_names_the_place_of_another_call"}):
        text = f"the tunnel to {ADDRESS} is up"
        handler.handle(logging.makeLogRecord({"msg": text, "name": "app", "levelno": 20, **place}))
    assert kept(rocket) == ["the tunnel to [ip] is up"] * 2


def test_attack_a_logger_that_was_patched(
    rocket: RocketVPN, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = logging.Logger.makeRecord

    def patched(self: logging.Logger, *args: Any, **given: Any) -> logging.LogRecord:
        record = plain(self, *args, **given)
        record.msg, record.args = record.getMessage(), ()
        record.pathname = logging.__file__
        return record

    monkeypatch.setattr(logging.Logger, "makeRecord", patched)
    log.info("the tunnel to %s is up", ADDRESS)
    assert kept(rocket) == ["the tunnel to [ip] is up"]


# ---------------------------------------------------------------- classes that lie


def shouting(*_: Any) -> str:
    return NAME


class Count(int):
    __str__ = __repr__ = __format__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text


class Ratio(float):
    __str__ = __repr__ = __format__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text


class Word(str):
    __slots__ = ()
    __str__ = __repr__ = __format__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("de-fra")


class Level(enum.IntEnum):
    LOW = 1

    __str__ = __repr__ = __format__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text

    @property
    def name(self) -> str:
        return NAME


class State(str, enum.Enum):  # noqa: UP042 - as older code has it
    UP = "de-fra"

    __str__ = __repr__ = __format__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text


class Meta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return True

    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__", "__mro__"):
            return NAME
        return super().__getattribute__(name)

    __repr__ = __str__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text


class Named(Exception, metaclass=Meta):
    __str__ = __repr__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text

    @property
    def args(self) -> Any:  # type: ignore[override] # an attack: arguments that run code
        return (NAME,)


class Pretending:
    @property
    def __class__(self) -> Any:
        return int

    __str__ = __repr__ = __format__ = shouting  # type: ignore[assignment] # an attack: what a class may do to its own text


def endless(*_: Any) -> str:
    raise RecursionError  # as a class gets it that asks itself


class Endless:
    __str__ = __repr__ = __format__ = __getattr__ = endless


class Raising:
    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Raising  # logging itself asks for it
        raise RuntimeError(NAME)

    def __str__(self) -> str:
        raise RuntimeError(NAME)

    __repr__ = __str__


class Names(dict[str, Any]):
    def __getitem__(self, key: str) -> str:
        return NAME

    def get(self, key: str, default: Any = None) -> Any:
        return NAME


class Mapped(Mapping[str, Any]):
    def __getitem__(self, key: str) -> str:
        return NAME

    def __iter__(self) -> Iterator[str]:
        return iter([NAME])

    def __len__(self) -> int:
        return 1


HOSTILE: list[tuple[Callable[[], Any], str]] = [
    (lambda: Count(5), "[number]"),
    (lambda: Ratio(5), "[number]"),
    (lambda: Word("de-fra"), "[text]"),
    (lambda: Level.LOW, "Level.LOW"),
    (lambda: State.UP, "State.UP"),
    (Pretending, "[object]"),
    (Endless, "[object]"),
    (Raising, "[object]"),
    (lambda: Named, f"{__name__}.Named"),
    (lambda: type(NAME, (Exception,), {}), "Exception"),
    (lambda: type("Named", (Exception,), {"__module__": __name__, "__qualname__": NAME}), "Exception"),
    (lambda: enum.Enum("State", [("Lena Fischer", 1)])["Lena Fischer"], "[member]"),
    (lambda: hashed(Raising()), "[object]"),
    (lambda: public(Endless()), "[object]"),
    (lambda: float("nan"), "nan"),
    (lambda: 10**100_000, "[number]"),
    (lambda: "x" * 10_000_000, "[text]"),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_attack_a_class_that_says_something_else(rocket: RocketVPN, log: logging.Logger, number: int) -> None:
    make, shown = HOSTILE[number]
    log.info("value: %s", make())
    log.info("value: %(one)s", {"one": make()})
    assert kept(rocket) == [f"value: {shown}"] * 2
    assert log.handlers[0].failed == 0  # type: ignore[attr-defined] # it is our handler


def test_attack_a_message_that_is_such_a_value(rocket: RocketVPN, log: logging.Logger) -> None:
    for make, _ in HOSTILE[:8]:
        log.info(make())
    log.info(Word("the tunnel is up"))
    said = kept(rocket)
    assert len(said) + log.handlers[0].failed == 9  # type: ignore[attr-defined] # it is our handler


def test_attack_a_message_that_claims_to_be_private_already(rocket: RocketVPN, log: logging.Logger) -> None:
    class Line(PrivateValue):
        def text(self, key: bytes | None) -> str:
            return NAME

    Line.__module__ = "rocketvpn_sdk.journal.lines.line"
    log.info(Line())
    log.info("as a value: %s", Line())
    assert kept(rocket) == ["[object]", "as a value: [object]"]


def test_attack_arguments_that_are_no_dict(rocket: RocketVPN, log: logging.Logger) -> None:
    log.info("of a dict: %(name)s", Names(name="x"))
    log.info("of a mapping: %(name)s", Mapped())
    said = kept(rocket)
    assert said == ["of a dict: [missing]", "of a mapping: [missing]"]


def test_attack_an_exception_that_lies(rocket: RocketVPN, log: logging.Logger) -> None:
    try:
        raise Named(NAME)
    except Named as error:
        error.add_note(NAME)
        log.exception("failed with %s", error)
    assert kept(rocket) == [f"failed with {__name__}.Named([text])"]


def test_attack_a_function_named_after_somebody(rocket: RocketVPN, log: logging.Logger) -> None:
    names = {"log": log}
    exec(compile(f"def Lena_Fischer():\n    raise ValueError({ADDRESS!r})", f"/home/{NAME}/x.py", "exec"), names)
    try:
        names["Lena_Fischer"]()  # type: ignore[operator] # a name that exec made
    except ValueError:
        log.exception("failed")
    (entry,) = rocket.journal.read()
    said = str(entry.fields["exception"])
    assert found_in(said, [ADDRESS, NAME, "Lena_Fischer"]) == []
    assert said.startswith("ValueError([ip]) [? < test_private_lines.py:")


def test_attack_an_exception_that_is_its_own_cause(rocket: RocketVPN, log: logging.Logger) -> None:
    one, other = ValueError(NAME), KeyError(NAME)
    one.__cause__, other.__cause__ = other, one
    log.error("failed", exc_info=one)
    (entry,) = rocket.journal.read()
    assert str(entry.fields["exception"]).count("[text]") == 3
    kept(rocket)
