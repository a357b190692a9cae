"""``recovery``: print a recovery code for a lost mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import RecoveryCode

_A_LINE = 4


@help_text(
    """Make a recovery code, in case you lose your mailbox.

    It needs a code from an e-mail now. Later you can enter it where a command asks for such a code: once, on a device
    of your order. It is shown once and not kept here; the server keeps a fingerprint of it. A new one replaces it.
    `rocketvpn recovery | lpr` prints it.
    """
)
def recovery(context: CommandContext) -> CommandResult:
    with context.open() as rocket:
        made = rocket.rights.make_recovery_code()
    return CommandResult({"recovery_code": made.text, "made_on": made.made_on}, lambda out: _show(out, made))


def _show(out: Out, made: RecoveryCode) -> None:
    """Print the sheet that is to be kept."""
    out.say("Recovery code", style="bold")
    out.say(f"Made on {made.made_on}. Your former one, if you had one, is worth nothing any more.")
    out.say("Keep it where nobody else looks, away from this device. It is not stored here and not shown again.")
    out.say()
    for start in range(0, len(made.groups), _A_LINE):
        out.say(" - ".join(made.groups[start : start + _A_LINE]), style="bold", indent=2)
    out.say()
    out.say("To use it: enter it where you are asked for a code from an e-mail. Then set an address that you can read,")
    out.say("`rocketvpn correct contact_email ADDRESS`, and make a new recovery code.")
