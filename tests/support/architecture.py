"""Writes the table of components in docs/architecture.md from their docstrings: `python tests/support/architecture.py`.

The order is that of the layers in pyproject.toml, from the bottom up. A component's docstring has what it is for in its
first line, then: "Touches: ``vault``, disk. Start with ``name``."
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "rocketvpn_sdk"
PAGE = ROOT / "docs" / "architecture.md"
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
    "contracts"
]
_HEADING = "| component | what it is for | may touch | start with |\n|---|---|---|---|\n"
_SAID = re.compile(r"Touches: (.+?)\. Start with ``(\w+)``\.")


class Component(NamedTuple):
    """What the docstring of a component says."""

    name: str
    purpose: str
    touches: str
    """Separated by commas; a component in backticks means: only through it."""
    start: str

    @property
    def row(self) -> str:
        """The component's line of the table."""
        cells = (f"`{self.name}`", self.purpose.replace("``", "`").removesuffix("."), self.touches, f"`{self.start}`")
        return f"| {' | '.join(cells)} |\n"


def contract(kind: str, name: str) -> dict[str, Any]:
    """Return the import-linter's contract of this type whose name begins so."""
    (found,) = (each for each in CONTRACTS if each["type"] == kind and each["name"].startswith(name))
    return found


def source_of(name: str) -> Path:
    """Return the file that has the component's docstring."""
    folder = PACKAGE / name
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def component(name: str) -> Component:
    """Return what the docstring of the component ``name`` says.

    Raises:
        ValueError: it does not say what it may touch and where to start.
    """
    docstring = ast.get_docstring(ast.parse(source_of(name).read_text("utf-8"))) or ""
    said = _SAID.search(docstring)
    if said is None:
        raise ValueError(f'{source_of(name)}: its docstring needs a line "Touches: …. Start with ``…``."')
    return Component(name, docstring.partition("\n")[0], said[1].replace("``", "`"), said[2])


def components() -> list[Component]:
    """Return every component that exists, in the order of the layers, from the bottom up."""
    layers = contract("layers", "A component")["layers"]
    names = [name.strip("() ") for layer in reversed(layers) for name in layer.split("|")]
    return [component(name) for name in names if source_of(name).is_file()]


def page() -> str:
    """Return what the page has to be: its text, with today's table."""
    before, heading, after = PAGE.read_text("utf-8").partition(_HEADING)
    rest = re.sub(r"\A(\|.*\n)*", "", after)
    return before + heading + "".join(each.row for each in components()) + rest


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
