"""What was typed for options and arguments: an empty value is refused, and only ``-`` itself is the standard output."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

from rocketvpn_sdk.entered import plain
from rocketvpn_sdk.files import absolute

STDOUT = "-"


def strict(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return ``parameter``, which typer reads, so that what is typed for it goes through one of the functions below."""
    if get_origin(parameter.annotation) is not Annotated:
        return parameter
    kind, info, *more = get_args(parameter.annotation)
    read = next((_READERS[each] for each in (kind, *get_args(kind)) if each in _READERS), None)
    if read is None:
        return parameter
    info = copy.copy(info)
    info.parser = read(info)
    return parameter.replace(annotation=Annotated[(kind, info, *more)])


def _text(_info: Any) -> Callable[[str], str]:
    return _not_empty


def _path(_info: Any) -> Callable[[str | Path], Path]:
    def path(typed: str | Path) -> Path:
        if isinstance(typed, Path):  # a default
            return typed
        found = Path(_not_empty(typed))
        if typed == STDOUT or str(found) != STDOUT:
            return found
        try:
            return absolute(found)  # ``./-`` is a file of that name, and would become ``-``
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return path


def _number(info: Any) -> Callable[[str | int], int]:
    def number(typed: str | int) -> int:
        try:
            found = int(plain(typed)) if isinstance(typed, str) else typed
        except ValueError:
            raise typer.BadParameter("it is not a whole number") from None
        if (info.min is not None and found < info.min) or (info.max is not None and found > info.max):
            most = "" if info.max is None else f" and at most {info.max}"
            raise typer.BadParameter(f"it has to be at least {info.min}{most}")
        return found

    return number


def _not_empty(typed: str) -> str:
    if not typed:
        raise typer.BadParameter("it is empty; give a value, or leave it out")
    return typed


_READERS: dict[Any, Callable[[Any], Callable[[Any], Any]]] = {str: _text, Path: _path, int: _number}
