"""A policy document read from a text: TOML, as people write it, or JSON, as it is signed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.files import read_given, why
from rocketvpn_sdk.package_data import read_package_data
from rocketvpn_sdk.policy.checks import Finding, check_references
from rocketvpn_sdk.policy.document import Document, Policy
from rocketvpn_sdk.policy.publishing import check_publishing
from rocketvpn_sdk.policy.toml_lines import TomlLines
from rocketvpn_sdk.policy.values import Duration, Transform

MAX_BYTES = 1 << 20
"""The longest text of a policy, in bytes of UTF-8; the one that ships has about 30,000."""

_LONGEST_NUMBER = 32
"""Digits; no number of a policy has as many, and turning a very long one into a number takes very long."""
_SINGLE = ("minors", "rights")
"""The tables of which there is one; of the others there are lists."""


def parse_policy(text: str, *, path: str = "policy") -> Policy:
    """Read a policy from ``text``: TOML, or JSON where it begins with a brace. ``path`` is what errors call it.

    In JSON, dates are texts (``"2026-11-01"``); nothing else differs, and white space and the order of members mean
    nothing. The canonical form (``Policy.canonical_json()``) is one such text.

    Raises:
        PolicyInvalid: with the line (in JSON: with a JSON Pointer, RFC 6901, in front of the problem) and what is wrong
            there; or the text is longer than ``MAX_BYTES``.
    """
    return _parsed(text, path, check_references)


def _parsed(text: str, path: str, *checks: Callable[[Document], Iterable[Finding]]) -> Policy:
    _check_size(text, path)
    where = _Json(text, path) if text.lstrip(" \t\r\n").startswith("{") else _Toml(text, path)
    try:
        document = msgspec.convert(where.read(), Document, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `")
        unknown = re.search(r"`([^`]+)`", message)
        where.refuse_at(at.rstrip("`") or "$", unknown[1] if unknown else "", message)
    for table, index, key, problem in chain.from_iterable(check(document) for check in checks):
        where.refuse_in(table, index, key, problem)
    return Policy(document)


@checked
def load_policy(path: Path) -> Policy:
    """Read the policy in the file at ``path``, TOML or JSON.

    Raises:
        PolicyInvalid: the file cannot be read, is longer than ``MAX_BYTES``, or is not a valid policy.
    """
    return _parsed(_text_of(path), str(path), check_references)


@checked
def lint_policy(path: Path) -> Policy:
    """Read the policy in the file at ``path`` as ``load_policy`` does, and check what only its author can mend.

    Raises:
        PolicyInvalid: as for ``load_policy``, or see ``publishing``.
    """
    return _parsed(_text_of(path), str(path), check_references, check_publishing)


def _text_of(path: Path) -> str:
    try:
        return read_given(path, MAX_BYTES).decode("utf-8")
    except OSError as error:
        _, problem = why(error, reading=True)
        raise PolicyInvalid(path=str(path), line=0, problem=f"the file cannot be read ({problem})") from None
    except UnicodeDecodeError:
        raise PolicyInvalid(path=str(path), line=0, problem="the file cannot be read (it is not UTF-8)") from None
    except ValueError:  # a zero character in its name
        raise PolicyInvalid(path=repr(str(path)), line=0, problem="the file cannot be read (it has no name)") from None


@cache
def bundled_policy() -> Policy:
    """Return the policy that ships with the SDK: from the canonical form of ``rocketvpn.toml``, which people write.

    Raises:
        InstallationIncomplete: it is missing.
    """
    return parse_policy(read_package_data("rocketvpn_sdk.policy", "rocketvpn.json"), path="rocketvpn.json")


def _check_size(text: str, path: str) -> None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise PolicyInvalid(path=path, line=0, problem="it holds half of a character (a lone surrogate)") from None
    if size > MAX_BYTES:
        raise PolicyInvalid(path=path, line=0, problem=f"it is longer than {MAX_BYTES} bytes")


def _from_text(kind: type, value: Any) -> Any:
    if kind in (Duration, Transform) and isinstance(value, str):
        return kind(value)
    raise ValueError(f"expected a text for {kind.__name__.lower()}")


class _Toml:
    """A TOML text, and where in it something stands."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path

    def read(self) -> Any:
        import tomllib  # what ships is read as JSON, which takes a sixth of the time

        try:
            return tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"\(at line (\d+)", str(error))
            last = len(self._text.rstrip().split("\n"))
            self._refuse(int(line[1]) if line else last, f"not TOML: {error}")
        except (ValueError, RecursionError):  # tomllib lets these through
            self._refuse(0, "not TOML: a number is too long, or it is too deep")

    def refuse_at(self, where: str, unknown: str, problem: str) -> NoReturn:
        self._refuse(TomlLines(self._text).find_path(where, unknown), problem)

    def refuse_in(self, table: str, index: int, key: str, problem: str) -> NoReturn:
        self._refuse(TomlLines(self._text).find(table, index, key), problem)

    def _refuse(self, line: int, problem: str) -> NoReturn:
        raise PolicyInvalid(path=self._path, line=line, problem=problem) from None


class _Json:
    """A JSON text, and where in it something stands: a pointer, and the line where there is only one."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._line = 0 if "\n" in text.strip() else 1

    def read(self) -> Any:
        try:
            raw = json.loads(
                self._text,
                object_pairs_hook=_unique,
                parse_int=_whole,
                parse_float=_no_fraction,
                parse_constant=_no_fraction,
            )
            json.dumps(raw, ensure_ascii=False).encode("utf-8")
        except json.JSONDecodeError as error:
            raise PolicyInvalid(path=self._path, line=error.lineno, problem=f"not JSON: {error.msg}") from None
        except UnicodeEncodeError:
            self._refuse("", "not JSON: a text holds half of a character (a lone surrogate)")
        except ValueError as error:
            self._refuse("", f"not JSON as a policy has it: {error}")
        except RecursionError:
            self._refuse("", "not JSON as a policy has it: it is too deep")
        return raw

    def refuse_at(self, where: str, unknown: str, problem: str) -> NoReturn:
        del unknown  # the problem names it
        named = where.partition("[...]")[0]  # which member of a table it is, msgspec does not say
        parts = re.findall(r"\.(\w+)|\[(\d+)\]", named)
        self._refuse("".join(f"/{name or index}" for name, index in parts), problem)

    def refuse_in(self, table: str, index: int, key: str, problem: str) -> NoReturn:
        parts = [table] if table in ("", *_SINGLE) else [table, str(index)]
        self._refuse("".join(f"/{part}" for part in (*parts, key) if part), problem)

    def _refuse(self, pointer: str, problem: str) -> NoReturn:
        said = f"{pointer}: {problem}" if pointer else problem
        raise PolicyInvalid(path=self._path, line=self._line, problem=said) from None


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        twice = next(name for place, (name, _) in enumerate(members) if name in dict(members[:place]))
        raise ValueError(f"the member {twice!r} is there twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError("a number is too long")
    return int(digits)


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"{text[:_LONGEST_NUMBER]} is no whole number")
