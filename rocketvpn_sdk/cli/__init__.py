"""The command line ``rocketvpn`` (extra ``cli``; ``demo`` and ``sandbox`` need the extra ``sandbox`` too)."""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("typer", "rich")


def main() -> None:
    """Run the command line and leave with its exit code; ``cli/codes.py`` has the table."""
    if any(find_spec(name) is None for name in _NEEDED):
        sys.stderr.write(
            "The command line needs two more packages.\nInstall them with: pip install 'rocketvpn-sdk[cli]'\n"
        )
        sys.exit(2)
    from rocketvpn_sdk.cli.app import run

    sys.exit(run())
