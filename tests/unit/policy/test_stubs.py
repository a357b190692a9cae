"""``policy stubs``: the source is Python, fits the policy, and makes a wrong field an error of types."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.journal.event import Event, shape_of
from rocketvpn_sdk.policy import Policy, bundled_policy, check_events
from rocketvpn_sdk.policy.document import FieldType, Operation
from rocketvpn_sdk.policy.stubs import stubs

ROOT = Path(__file__).parents[3]
APP = """\
from app_policy import AsyncCalls, Calls, SessionConnected
from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.aio import AsyncRocketVPN


def right(rocket: RocketVPN) -> None:
    rocket.journal.record(SessionConnected(region="de-fra", duration=3))
    print(Calls(rocket).tunnel_register(public_key="k", idempotency_key="1")["endpoint"])


async def awaited(rocket: AsyncRocketVPN) -> None:
    await AsyncCalls(rocket).tunnel_register(public_key="k")
    print((await rocket.rights.view(samples=3)).language)


async def wrong(rocket: RocketVPN, there: AsyncRocketVPN) -> None:
    SessionConnected(regoin="de-fra")  # wrong
    SessionConnected(region="mars")  # wrong
    SessionConnected(duration="3")  # wrong
    Calls(rocket).tunnel_register(contact_email="a@b.example")  # wrong
    Calls(rocket).tunnel_register(public_key=5)  # wrong
    Calls(rocket).tunnel_regster()  # wrong
    await AsyncCalls(there).tunnel_register(contact_email="a@b.example")  # wrong
    await there.rights.view(samples="3")  # wrong
    await there.device.bind()  # wrong
"""


class Recorder:
    """Stands in for a client: keeps what it is called with."""

    def __init__(self) -> None:
        self.called: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, **fields: Any) -> str:
        self.called.append((operation, fields))
        return "answer"


class AsyncRecorder(Recorder):
    async def call(self, operation: str, **fields: Any) -> str:  # type: ignore[override] # the awaited one
        return super().call(operation, **fields)


def load(policy: Policy) -> Any:
    module = ModuleType("app_policy")
    exec(compile(stubs(policy), "app_policy.py", "exec"), vars(module))
    return module


def with_operation(operation: Operation) -> Policy:
    document = bundled_policy().document
    return Policy(msgspec.structs.replace(document, operation=(*document.operation, operation)))


def odd(path: str = "/v1/odd", **more: Any) -> Operation:
    values: dict[str, Any] = {
        "id": "odd.call",
        "method": "POST",
        "path": path,
        "purpose": "service",
        "recipient": "operator",
        "identity": "device",
        "sentence": {"en": "It says."},
    }
    return Operation(**(values | more))


def test_its_events_are_those_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = bundled_policy()
    module = load(policy)
    monkeypatch.setitem(sys.modules, "app_policy", module)  # where the annotations of its classes are looked up
    events = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Event)]
    shapes = [shape_of(each) for each in events if each is not Event]
    check_events(policy, shapes)
    declared = {event.id: set(event.fields) for event in policy.document.event if event.id != "log.message"}
    assert {shape.name: {name for name, _ in shape.fields} for shape in shapes} == declared
    assert module.SessionConnected(region="de-fra") == module.SessionConnected(region="de-fra", duration=None)


def test_its_calls_pass_on_what_they_were_given_and_nothing_else() -> None:
    module, recorder, awaited = load(bundled_policy()), Recorder(), AsyncRecorder()
    assert module.Calls(recorder).tunnel_register(public_key="k") == "answer"
    assert asyncio.run(module.AsyncCalls(awaited).tunnel_register(public_key="k")) == "answer"
    assert recorder.called == [("tunnel.register", {"idempotency_key": None, "public_key": "k"})] == awaited.called
    assert [name for name in vars(module.Calls) if not name.startswith("_")] == ["tunnel_register"]


def test_a_read_takes_no_key_and_a_parameter_of_the_path_must_be_given() -> None:
    text = FieldType(kind="text", max=9)
    policy = with_operation(odd("/v1/{class}/{name}", method="GET", protocol={"class": text, "name": text}))
    calls, recorder = load(policy).Calls, Recorder()
    calls(recorder).odd_call(class_="a", name="b")
    assert recorder.called == [("odd.call", {"name": "b", "class": "a"})]
    with pytest.raises(TypeError):
        calls(recorder).odd_call(class_="a")


@pytest.mark.parametrize(
    ("kind", "annotation"),
    [
        (FieldType(kind="integer"), "int"),
        (FieldType(kind="boolean"), "bool"),
        (FieldType(kind="time"), "float | str"),
        (FieldType(kind="enum", values=("a", 'b"\\')), 'Literal["a", \'b"\\\\\']'),
        (FieldType(kind="text", max=9, most=3), "Sequence[str]"),
    ],
)
def test_a_member_has_the_type_of_its_values(kind: FieldType, annotation: str) -> None:
    source = stubs(with_operation(odd(protocol={"member": kind})))
    assert f"member: {annotation} | None = None" in source
    compile(source, "app_policy.py", "exec")


def test_text_of_the_policy_stays_text() -> None:
    source = stubs(with_operation(odd(sentence={"en": '"""\nimport os\n"""\\'})))
    assert "import os" in source
    assert "\nimport os" not in source
    compile(source, "app_policy.py", "exec")


@pytest.mark.parametrize("name", ["operation", "idempotency_key", "self"])
def test_what_the_call_could_not_carry_is_refused(name: str) -> None:
    with pytest.raises(PolicyInvalid, match=name):
        stubs(with_operation(odd(protocol={name: FieldType(kind="boolean")})))


def test_two_of_one_name_in_python_are_refused() -> None:
    with pytest.raises(PolicyInvalid, match="tunnel_register"):
        stubs(with_operation(odd(id="tunnel-register")))


# ---------------------------------------------------------------- type checkers


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app_policy.py").write_text(stubs(bundled_policy()))
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


WRONG = {number for number, line in enumerate(APP.splitlines(), 1) if line.endswith("# wrong")}


def check(app: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=app, env=environment, capture_output=True, text=True, check=False
    )


def test_mypy_finds_each_wrong_field_and_nothing_else(app: Path) -> None:
    done = check(app, "mypy", "--strict", "--config-file=", "--follow-imports=silent", "app.py", "app_policy.py")
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert found == WRONG, done.stdout + done.stderr


@pytest.mark.component("pyright")
def test_pyright_finds_each_wrong_field_and_nothing_else(app: Path) -> None:
    (app / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}))
    done = check(app, "basedpyright", "--pythonpath", sys.executable, "--outputjson", "app.py", "app_policy.py")
    problems = json.loads(done.stdout)["generalDiagnostics"]
    found = {problem["range"]["start"]["line"] + 1 for problem in problems if problem["severity"] == "error"}
    assert found == WRONG, done.stdout
    assert {Path(problem["file"]).name for problem in problems} == {"app.py"}
