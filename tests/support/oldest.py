"""Print the oldest version that pyproject.toml allows of each dependency, as constraints for pip.

``python tests/support/oldest.py age cli sandbox``: those of the SDK itself and of these extras.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def oldest(extras: Iterable[str]) -> list[str]:
    """Return ``name==version`` for each dependency that this Python and this system need.

    Raises:
        KeyError: there is no such extra.
        ValueError: a dependency has no lower bound, or more than one.
    """
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    listed = [*project["dependencies"]]
    for extra in extras:
        listed += project["optional-dependencies"][extra]
    needed = [wanted for wanted in map(Requirement, listed) if wanted.marker is None or wanted.marker.evaluate()]
    return [f"{wanted.name}=={_lowest(wanted)}" for wanted in needed]


def _lowest(wanted: Requirement) -> Version:
    (bound,) = (Version(each.version) for each in wanted.specifier if each.operator == ">=")
    return bound


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in oldest(sys.argv[1:])))
