"""Looking for values in files, in every form in which they could hide; and proof that such a look finds them.

A value may stand in a file as it is, in UTF-16, as hexadecimal digits, in base64 or base32 at any alignment, with every
byte percent-encoded, or backwards. What is encrypted or compressed cannot be found this way.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

SHORTEST = 6
"""Bytes; the encoded forms of anything shorter turn up by chance."""


class Trace(msgspec.Struct, frozen=True, order=True):
    """A value that was found."""

    value: str
    """Its name, not itself."""
    form: str
    place: str


def forms(value: str) -> dict[str, tuple[bytes, ...]]:
    """Return the byte strings that give ``value`` away, by form.

    Raises:
        ValueError: it is too short to look for.
    """
    data = value.encode()
    if len(data) < SHORTEST:
        raise ValueError(f"a value must have at least {SHORTEST} bytes")
    percent = "".join(f"%{byte:02X}" for byte in data).encode()
    return {
        "UTF-8": (data,),
        "UTF-16LE": (value.encode("utf-16-le"),),
        "UTF-16BE": (value.encode("utf-16-be"),),
        "hex": (data.hex().encode(), data.hex().upper().encode()),
        "base64": tuple(_inside(data, 3, 6, base64.b64encode)),
        "base64url": tuple(_inside(data, 3, 6, base64.urlsafe_b64encode)),
        "base32": tuple(_inside(data, 5, 5, base64.b32encode)),
        "percent": (percent, percent.lower()),
        "backwards": (data[::-1],),
    }


def _inside(data: bytes, alignments: int, bits: int, encode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """Yield the letters that ``data`` alone decides, for each place at which it may begin in what is encoded."""
    for before in range(alignments):
        letters = encode(bytes(before) + data)
        first = -(-before * 8 // bits)  # letters that also hold bits of what comes before
        last = (before + len(data)) * 8 // bits  # … and of what comes after
        yield letters[first:last]


class Search:
    """Looks for values.

    Args:
        values: by name.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._needles = [
            (name, form, needle)
            for name, value in values.items()
            for form, needles in forms(value).items()
            for needle in needles
        ]
        self.values = dict(values)

    @property
    def forms(self) -> int:
        """How many byte strings it looks for."""
        return len(self._needles)

    def data(self, content: bytes, place: str) -> set[Trace]:
        """Return what is found in ``content``."""
        return {Trace(name, form, place) for name, form, needle in self._needles if needle in content}

    def files(self, paths: Iterable[Path]) -> set[Trace]:
        """Return what is found in files and in their names."""
        found: set[Trace] = set()
        for path in paths:
            found |= self.data(path.read_bytes(), path.name) | self.data(path.name.encode(), f"the name of {path.name}")
        return found


def all_files(*folders: Path) -> list[Path]:
    """Return every file below the folders; one that is not there has none."""
    return sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())


def controls(values: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """Yield, for each value and form, contents in which a search must find it: with something before it and after it.

    They are made from the whole content, as a program would encode it, and not from what ``forms`` looks for.
    """
    for name, value in values.items():
        for before in range(5):
            whole = "xyzzy"[:before] + value + "plugh"
            data = whole.encode()
            yield name, "UTF-8", data
            yield name, "UTF-16LE", whole.encode("utf-16-le")
            yield name, "UTF-16BE", b"\0" * before + value.encode("utf-16-be")
            yield name, "hex", data.hex().encode() if before % 2 else data.hex().upper().encode()
            yield name, "base64", base64.b64encode(data)
            yield name, "base64url", base64.urlsafe_b64encode(data)
            yield name, "base32", base64.b32encode(data)
            yield name, "percent", b"".join(b"%%%02X" % byte if before % 2 else b"%%%02x" % byte for byte in data)
            yield name, "backwards", data[::-1]


def missed(search: Search, folder: Path) -> list[str]:
    """Write every control into a file of its own in ``folder``, and return those that ``search`` does not find."""
    folder.mkdir()
    failures = []
    for number, (name, form, content) in enumerate(controls(search.values)):
        path = folder / f"control-{number}"
        path.write_bytes(content)
        if not any(trace.value == name and trace.form == form for trace in search.files([path])):
            failures.append(f"{name} in {form}")
        path.unlink()
    folder.rmdir()
    return failures
