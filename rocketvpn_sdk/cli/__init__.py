"""The command line ``rocketvpn`` (extra ``cli``; ``demo`` and ``sandbox`` need the extra ``sandbox`` too).

Touches: disk, ``vault``, ``transport``, ``sandbox``. Start with ``app``.
"""

from __future__ import annotations

import sys

_NEEDED = ("typer", "rich")


def main() -> None:
    """Run the command line in a process of its own, and end it with the exit code; ``cli/codes.py`` has the table.

    It takes SIGINT over until the process ends. Inside of another program, call ``cli.app.run``, which does not.
    """
    from rocketvpn_sdk.cli.interrupts import interrupts

    interrupts.arm()  # before anything else is loaded, which takes most of a second on a slow machine
    from rocketvpn_sdk.cli import streams

    has_output = streams.prepare()
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in _NEEDED):
        sys.stderr.write(
            "The command line needs two more packages.\nInstall them with: pip install 'rocketvpn-sdk[cli]'\n"
        )
        sys.exit(2)
    from rocketvpn_sdk.cli.app import run
    from rocketvpn_sdk.cli.problems import show_closed

    code = run() if has_output else show_closed()
    interrupts.end()
    streams.settle()
    sys.exit(code)
