"""Every public call of ``RocketVPN`` and its groups, found by looking, so that a new call is walked too.

What a call is given goes by the names of its parameters. A parameter that is not known here fails the test that walks:
then somebody has to say what a user could pass there.
"""

from __future__ import annotations

import inspect
import itertools
import logging
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import msgspec

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.rights import OwnerRights

LAST = ("rights.delete", "rights.forget_now", "rights.resume", "device.unbind", "close", "reset")
"""These end what the others need, and so are walked last, in this order."""
MAKERS = ("open", "policy.announce", "policy.settle")
"""``open`` made the object that is walked; the others are its own wiring between components."""

Values = dict[str, Callable[[RocketVPN], list[Any]]]
"""By a parameter's name, or ``group.call.parameter``: what to pass, one call for each. By ``group.call``: all of it."""


class UnknownParameter(AssertionError):
    """A call has a parameter of which nobody has said yet what to pass."""


def calls_of(rocket: RocketVPN) -> dict[str, Any]:
    """Return every public call and property by name (``group.call``, or ``call`` of the whole), last ones last."""
    found: dict[str, Any] = {}
    for prefix, thing in (("", rocket), *_groups(rocket)):
        for name in dir(type(thing)):
            attribute = inspect.getattr_static(type(thing), name)
            if not name.startswith("_") and isinstance(attribute, FunctionType | property | staticmethod | classmethod):
                found[f"{prefix}{name}"] = (thing, name, attribute)
    wanted = {name: call for name, call in found.items() if name not in MAKERS}
    return dict(sorted(wanted.items(), key=lambda item: (LAST.index(item[0]) + 1 if item[0] in LAST else 0, item[0])))


def _groups(rocket: RocketVPN) -> Iterator[tuple[str, Any]]:
    for name in dir(rocket):
        if not name.startswith("_") and not callable(value := getattr(rocket, name)):
            home = type(value).__module__
            if home.startswith("rocketvpn_sdk") and not isinstance(value, msgspec.Struct):
                yield f"{name}.", value


def walk(rocket: RocketVPN, values: Values, *, check: Callable[[str], None]) -> set[str]:
    """Make every call with everything that ``values`` has for it, and ``check`` after each; return what was walked.

    The SDK's own refusals are fine; any other error is not.
    """
    walked = set()
    for name, (thing, attribute, found) in calls_of(rocket).items():
        for keywords in _keywords(name, found, rocket, values):
            try:
                result = (
                    getattr(thing, attribute) if isinstance(found, property) else getattr(thing, attribute)(**keywords)
                )
                _use(result)
            except RocketVPNError:
                pass
            walked.add(name)
            check(name)
    return walked


def _use(result: Any) -> None:
    """Take what a call returns as far as a user could."""
    if isinstance(result, Iterator):
        list(result)
    elif isinstance(result, logging.Handler):
        record = logging.LogRecord("walker", logging.ERROR, __file__, 1, "kim@example.org %s", ("203.0.113.7",), None)
        result.handle(record)
    elif isinstance(result, OwnerRights):
        result.view()
        result.delete("account")


_ANYWHERE: Values = {"queue": lambda _: [queue.SimpleQueue()]}
"""What is the same for every test."""


def _keywords(name: str, found: Any, rocket: RocketVPN, values: Values) -> Iterator[dict[str, Any]]:
    """Yield what to pass, one combination after the other."""
    if isinstance(found, property):
        yield {}
        return
    if name in values:
        yield from values[name](rocket)
        return
    function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in ("self", "cls") and parameter.kind is not inspect.Parameter.VAR_POSITIONAL
    ]
    choices: list[list[tuple[str, Any]]] = []
    for parameter in parameters:
        make = values.get(f"{name}.{parameter.name}") or values.get(parameter.name) or _ANYWHERE.get(parameter.name)
        if make is None and parameter.default is inspect.Parameter.empty:
            raise UnknownParameter(f"{name}({parameter.name}): say in the test what a user could pass there")
        if make is not None:
            choices.append([(parameter.name, value) for value in make(rocket)])
    for chosen in itertools.product(*choices):
        keywords = dict(chosen)
        fields = keywords.pop("fields", {})
        yield {**keywords, **fields}


def heard(_: Notification) -> None:
    """Hear of it, and do nothing."""


def somewhere(folder: Path) -> Callable[[RocketVPN], list[Any]]:
    """Return a maker of paths in ``folder``, a new one for each call."""
    count = itertools.count()
    return lambda _: [folder / f"file-{next(count)}"]
