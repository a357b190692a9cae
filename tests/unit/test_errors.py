from __future__ import annotations

import ast
import copy
import importlib
import inspect
import json
import pickle
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import rocketvpn_sdk
from rocketvpn_sdk import errors
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.wire import Device, ProblemItem

PACKAGE = Path(rocketvpn_sdk.__file__).parent
DEVICES = (
    Device(id="A" * 52, name="Blue lynx", bound_on=date(2026, 11, 1)),
    Device(id="B" * 52, name="Red fox", bound_on=date(2026, 11, 2)),
)


def classes() -> list[type[RocketVPNError]]:
    """Return every error class there is, wherever it is written; the command line's own never leave it."""
    for room in ("policy", "vault", "consent", "journal", "transport", "device", "rights", "client"):
        importlib.import_module(f"rocketvpn_sdk.{room}")
    found, waiting = [], [RocketVPNError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += [child for child in kind.__subclasses__() if not child.__module__.startswith("rocketvpn_sdk.cli")]
    return sorted(set(found), key=lambda kind: kind.__name__)


KINDS = classes()


def placeholders(kind: type[RocketVPNError]) -> dict[str, str]:
    """Return the names that a class's sentences want, with their format."""
    parsed = [*string.Formatter().parse(kind.sentence), *string.Formatter().parse(kind.remedy)]
    return {name: spec or "" for _, name, spec, _ in parsed if name}


def computed(kind: type[RocketVPNError]) -> set[str]:
    """Return the names that a class works out for itself."""
    if issubclass(kind, errors.DeviceLimitReached | errors.DeviceExists):
        return {"count", "names"}
    return {"details", "reason"} if issubclass(kind, errors.Conflict) else {"details"}


def sample(kind: type[RocketVPNError], **more: Any) -> RocketVPNError:
    params: dict[str, Any] = {
        name: 2.5 if spec else f"<{name}>" for name, spec in placeholders(kind).items() if name not in computed(kind)
    }
    if issubclass(kind, errors.RequestRefused):
        params |= {"operation": "data.correct", "reason": "invalid"}
        params["items"] = (ProblemItem(detail="too long", pointer="/language"), ProblemItem(detail="odd"))
    if issubclass(kind, errors.DeviceLimitReached | errors.DeviceExists):
        params = {"devices": DEVICES}
    return kind(**params | more)


every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


# ---------------------------------------------------------------- the tree


def test_there_is_one_tree_in_one_package():
    assert {kind.__module__.rpartition(".")[0] for kind in KINDS} == {"rocketvpn_sdk.errors"}
    written = [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and kind.__module__.startswith("rocketvpn_sdk.errors.")
    ]
    assert set(written) == set(KINDS)
    assert all(len(kind.__bases__) == 1 for kind in KINDS)


def drawn() -> dict[str, str]:
    """Return each class of the tree in the docstring, with its parent."""
    parents: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    text = errors.__doc__.partition("::\n\n")[2]
    for line in text.split("\n\n")[0].split("\n"):
        names = re.match(r"[ │├└─]*((?:[A-Z]\w+)(?:, [A-Z]\w+)*)(?:  |$)", line)
        assert names, line
        depth = names.start(1)
        while stack and stack[-1][0] >= depth:
            stack.pop()
        for name in names[1].split(", "):
            assert name not in parents, f"{name} is drawn twice"
            parents[name] = stack[-1][1] if stack else ""
        stack.append((depth, names[1].split(", ")[-1]))
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    assert drawn() == {kind.__name__: "" if kind is RocketVPNError else kind.__bases__[0].__name__ for kind in KINDS}


# ---------------------------------------------------------------- what each has


def test_codes_are_unique_and_stable():
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert all("code" in vars(kind) for kind in KINDS)
    assert {kind.code for kind in (errors.VaultLocked, errors.NotBound, errors.PinMismatch)} == {
        "vault-locked",
        "not-bound",
        "pin-mismatch",
    }


@every
def test_every_error_is_a_sentence_and_says_what_to_do(kind: type[RocketVPNError]):
    error = sample(kind)
    said = str(error)
    assert said
    assert "{" not in said
    assert said.endswith((".", ">"))
    assert said.startswith(str(error).partition(error.action or "\0")[0])
    assert error.action == "" or said.endswith(error.action)
    assert repr(error) == f"{kind.__name__}({said!r})"
    assert f"{error}" == said
    if not {other for other in KINDS if other is not kind and issubclass(other, kind)}:
        assert error.action, "a leaf of the tree says what to do"


@every
def test_every_error_carries_its_params_and_when_to_try_again(kind: type[RocketVPNError]):
    error = sample(kind, retry_at=1_800_000_000.0)
    assert set(placeholders(kind)) <= set(error.params)
    assert error.retry_at == 1_800_000_000.0
    assert sample(kind).retry_at is None
    assert "1800000000" not in str(error)


@every
def test_every_error_survives_a_pickle_and_a_copy(kind: type[RocketVPNError]):
    error = sample(kind, retry_at=3.0)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is kind
        assert (str(again), again.params, again.retry_at) == (str(error), error.params, 3.0)
        assert vars(again) == vars(error)
    assert vars(copy.deepcopy(error)) == vars(copy.copy(error)) == vars(error)


def test_a_conflict_keeps_both_values_out_of_what_is_logged_and_through_a_pickle():
    error = errors.Conflict(operation="data.correct", here={"language": "de"}, there={"language": "kk-KZ"})
    assert "kk-KZ" not in str(error) + repr(error) + str(error.args) + str(error.params)
    again = pickle.loads(pickle.dumps(error))
    assert (again.here, again.there) == ({"language": "de"}, {"language": "kk-KZ"})
    assert (errors.Conflict(operation="x").here, errors.Conflict(operation="x").there) == ({}, {})


def test_a_device_limit_names_the_devices():
    error = errors.DeviceLimitReached(devices=DEVICES)
    assert error.devices == DEVICES
    assert "all the devices that it allows (2)" in str(error)
    assert "Blue lynx, Red fox" in str(error)
    assert "A" * 52 not in str(error)


def test_a_refusal_says_what_was_wrong_where():
    error = sample(errors.RequestRefused)
    assert "(invalid); /language: too long; /: odd." in str(error)
    assert error.items[0].pointer == "/language"


def test_a_brace_in_a_value_is_only_a_brace():
    assert "{x.__class__} {0}" in str(errors.ConfigurationError(problem="{x.__class__} {0}"))


@every
def test_what_to_do_depends_on_whose_fault_it_is(kind: type[RocketVPNError]):
    for cause, advice in kind.remedies.items():
        error = sample(kind, cause=cause)
        assert (error.cause, error.action) == (cause, advice)
        assert str(error).endswith(advice)
        assert "{" not in advice
    assert sample(kind, cause="never heard of").action == sample(kind).action


# ---------------------------------------------------------------- where they are raised


def raised() -> Iterator[tuple[str, type[RocketVPNError], set[str]]]:
    """Yield each place that makes an error with plain keywords: where, which, and the keywords."""
    known = {kind.__name__: kind for kind in KINDS}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in known:
                where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                yield where, known[name], {keyword.arg for keyword in node.keywords if keyword.arg}


def test_wherever_an_error_is_made_it_gets_what_its_sentence_needs():
    found = list(raised())
    assert len(found) > 50
    lacking = {
        f"{where} {kind.__name__}: {', '.join(sorted(missing))}"
        for where, kind, given in found
        if (missing := set(placeholders(kind)) - computed(kind) - given)
    }
    assert lacking == set()


# ---------------------------------------------------------------- without docstrings

_OPTIMISED = """
import json, sys
from rocketvpn_sdk import errors
assert errors.__doc__ is None and errors.VaultLocked.__doc__ is None
assert __debug__ is False or sys.exit("not optimised")
wanted = json.load(sys.stdin)
print(json.dumps({name: str(getattr(errors, name)(**params)) for name, params in wanted.items()}))
"""


@pytest.mark.clause("P1")
def test_the_sentences_are_there_without_docstrings():
    # `python -OO` removes docstrings, and apps are shipped that way.
    plain = [
        kind
        for kind in KINDS
        if not issubclass(kind, errors.RequestRefused | errors.DeviceLimitReached | errors.DeviceExists)
    ]
    wanted = {kind.__name__: sample(kind).params for kind in plain}
    done = subprocess.run(
        [sys.executable, "-OO", "-c", _OPTIMISED], input=json.dumps(wanted), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {kind.__name__: str(sample(kind)) for kind in plain}
