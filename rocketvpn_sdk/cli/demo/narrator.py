"""How the demo tells its story to people."""

from __future__ import annotations

from collections.abc import Sequence

from rocketvpn_sdk.cli.demo.checks import Check, Checks
from rocketvpn_sdk.cli.output import Out


class Narrator:
    """Prints numbered steps, what happens in them, and each check as it is made.

    Args:
        out: where; in JSON it stays silent.
    """

    def __init__(self, out: Out) -> None:
        self._out = out
        self._step = 0

    def begin(self) -> None:
        """Say what this is."""
        self._out.say("Rocket VPN: your data on your device, from the first bind to the last byte", style="bold")
        self._out.say("Everything here is real, and nothing leaves this machine.")

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._out.heading(f"{self._step}. {title}")

    def say(self, text: str) -> None:
        """Tell something."""
        self._out.say(text, indent=3)

    def bullets(self, items: Sequence[str]) -> None:
        """Print a list."""
        for item in items:
            self._out.bullet(item, indent=3)

    def before_after(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Show what the app wrote and what was stored of it, one under the other, which any width can hold."""
        for before, after in pairs:
            self._out.say(f"app wrote  {before}", indent=3, hanging=11)
            self._out.say(f"is stored  {after}", indent=3, hanging=11, style="green")

    def check(self, check: Check) -> None:
        """Show a check."""
        mark, style = ("[ok]", "green") if check.held else ("[FAILED]", "bold red")
        self._out.say(f"{mark} {check.detail}", indent=3, hanging=len(mark) + 1, style=style)

    def end(self, checks: Checks, seconds: float, lists: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Print what was shown and what was not, and the verdict."""
        for title, items in lists:
            self._out.heading(title)
            for item in items:
                self._out.bullet(item)
        self._out.say()
        total = len(checks.done)
        if checks.held:
            self._out.say(f"All {total} checks held, in {seconds:.1f} seconds.", style="bold green")
            return
        self._out.say(f"{len(checks.failed)} of {total} checks did NOT hold ({seconds:.1f} seconds):", style="bold red")
        for check in checks.failed:
            self._out.bullet(f"{check.name}: {check.detail}")
