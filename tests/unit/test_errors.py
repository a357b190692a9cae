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
import traceback
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
    for package in ("policy", "vault", "consent", "journal", "transport", "groups.device", "rights", "client"):
        importlib.import_module(f"rocketvpn_sdk.{package}")
    found, waiting = [], [RocketVPNError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += [child for child in kind.__subclasses__() if not child.__module__.startswith("rocketvpn_sdk.cli")]
    return sorted(set(found), key=lambda kind: kind.__name__)


KINDS = classes()


def placeholders(kind: type[RocketVPNError], cause: str = "") -> dict[str, str]:
    """Return the names that a class's sentences want for a cause, with their format."""
    texts = [(kind.MESSAGES, kind.MESSAGE), (kind.REMEDIES, kind.REMEDY), (kind.HINTS, kind.HINT)]
    parsed = [part for by_cause, text in texts for part in string.Formatter().parse(by_cause.get(cause, text))]
    return {name: spec or "" for _, name, spec, _ in parsed if name}


def computed(kind: type[RocketVPNError]) -> set[str]:
    """Return the names that a class works out for itself."""
    if issubclass(kind, errors.DeviceLimitReached | errors.DeviceExists):
        return {"count", "names"}
    return {"details", "reason"} if issubclass(kind, errors.Conflict) else {"details"}


def sample(kind: type[RocketVPNError], **more: Any) -> RocketVPNError:
    params: dict[str, Any] = {
        name: 2.5 if spec else f"<{name}>"
        for name, spec in placeholders(kind, more.get("cause", "")).items()
        if name not in computed(kind)
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
    assert said.startswith(str(error).partition(error.remedy or "\0")[0])
    assert error.remedy == "" or said.endswith(error.remedy)
    assert repr(error) == f"{kind.__name__}({said!r})"
    assert f"{error}" == said
    if not {other for other in KINDS if other is not kind and issubclass(other, kind)}:
        assert error.remedy, "a leaf of the tree says what to do"


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
    error.unsure = True
    assert pickle.loads(pickle.dumps(error)).unsure


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
    assert "refused this; /language: too long; /: odd." in str(error)
    assert error.items[0].pointer == "/language"


def test_a_brace_in_a_value_is_only_a_brace():
    assert "{x.__class__} {0}" in str(errors.ConfigurationError(problem="{x.__class__} {0}"))


@every
def test_what_to_do_depends_on_whose_fault_it_is(kind: type[RocketVPNError]):
    for cause, advice in kind.REMEDIES.items():
        error = sample(kind, cause=cause)
        assert (error.cause, error.remedy) == (cause, advice)
        assert str(error).endswith(advice)
        assert "{" not in advice
    assert sample(kind, cause="never heard of").remedy == sample(kind).remedy


FOR_DEVELOPERS = re.compile(
    r"""\w\(|[=`'"]|\w_\w|\b(Config|error|SDK|ulimit|keyword|exception|policy_|None|True|False)\b"""
    r"""|\b(root key|partition|lane|TUF|rotation|vault|idempotency|schema|token)\b|!r"""
)
"""What an app's user does not read: Python, settings, and the names of our own parts."""
OF_THE_DEVELOPER = (errors.ConfigurationError, errors.OperationUndeclared)
"""Raised by what a developer wrote; a user who sees one is asked to tell them."""


@every
def test_no_sentence_for_the_user_has_python_or_a_part_of_ours_in_it(kind: type[RocketVPNError]):
    said = [kind.MESSAGE, kind.REMEDY, *kind.MESSAGES.values(), *kind.REMEDIES.values()]
    plain = [re.sub(r"'s\b|(?<=s)'|{\w+[^!}]*}", "", text) for text in said]
    assert [text for text in plain if FOR_DEVELOPERS.search(text)] == []


@every
def test_a_hint_for_the_developer_stands_in_tracebacks_and_in_no_sentence(kind: type[RocketVPNError]):
    for cause in ("", *kind.HINTS):
        error = sample(kind, cause=cause)
        assert "{" not in error.hint
        assert getattr(error, "__notes__", []) == ([error.hint] if error.hint else [])
        assert error.hint == "" or error.hint not in str(error)
        assert error.hint in "".join(traceback.format_exception(error))
    assert set(kind.HINTS) <= set(kind.REMEDIES), "each cause has a remedy, too"


@every
def test_an_error_made_with_nothing_says_what_it_can(kind: type[RocketVPNError]):
    given = {"operation": "x", "reason": "y"} if issubclass(kind, errors.RequestRefused) else {}
    for cause in ("", *kind.MESSAGES, *kind.REMEDIES, *kind.HINTS):
        error = kind(**given, cause=cause)
        assert "{" not in f"{error} {error.hint}"


@every
def test_how_to_repeat_a_call_is_added_to_the_hint_and_survives_a_copy(kind: type[RocketVPNError]):
    error = sample(kind)
    hint = error.hint
    error.add_note("the app's")
    error.repeat_with("k-1")
    assert error.hint.startswith(hint)
    assert "idempotency_key='k-1'" in error.hint
    assert error.__notes__ == ["the app's", error.hint]
    assert pickle.loads(pickle.dumps(error)).idempotency_key == copy.copy(error).idempotency_key == "k-1"


# ---------------------------------------------------------------- where they are raised


def raised() -> Iterator[tuple[str, type[RocketVPNError], dict[str, ast.expr]]]:
    """Yield each place that makes an error with plain keywords: where, which, and the keywords with their values."""
    known = {kind.__name__: kind for kind in KINDS}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in known:
                where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                yield where, known[name], {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}


def constant(node: ast.expr | None) -> str:
    """Return the text that stands there, or nothing."""
    return str(node.value) if isinstance(node, ast.Constant) else ""


def test_wherever_an_error_is_made_it_gets_what_its_sentence_needs():
    found = list(raised())
    assert len(found) > 50
    lacking = {
        f"{where} {kind.__name__}: {', '.join(sorted(missing))}"
        for where, kind, given in found
        if (missing := set(placeholders(kind, constant(given.get("cause")))) - computed(kind) - set(given))
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
