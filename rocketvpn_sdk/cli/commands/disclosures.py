"""``disclosures``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import Disclosure

_CONSENT = "consent"


@help_text(
    """Show to whom the operator says it gave something about you.

    The server is asked each time; nothing of it is kept on this device. What the privacy policy does not declare is
    shown as the server says it, and marked.
    """
)
def disclosures(context: CommandContext) -> CommandResult:
    with context.open() as rocket:
        contact = rocket.policy.current.contact
        disclosures = rocket.rights.disclosures()
    return CommandResult({"disclosures": disclosures}, lambda out: _show(out, disclosures, contact))


def _show(out: Out, disclosures: tuple[Disclosure, ...], contact: str) -> None:
    if not disclosures:
        out.say("The operator says that it gave nothing about you to anybody.")
        return
    out.say("To whom the operator says it gave something about you", style="bold")
    for each in disclosures:
        _one(out, each)
    if any(each.undeclared for each in disclosures):
        out.say()
        out.say(f"What is marked with ! the privacy policy does not declare. Ask the operator about it: {contact}")


def _one(out: Out, each: Disclosure) -> None:
    out.say()
    out.say(f"{each.day}  {each.recipient} ({each.kind})", indent=2, hanging=2)
    if each.sentence:
        out.say(each.sentence, indent=4, hanging=2)
    why = "because you agreed to it" if each.basis == _CONSENT else words.basis(each.basis)
    out.say(f"{why}: {words.listed([words.name(category) for category in each.categories])}", indent=4, hanging=2)
    if each.bound_by:
        out.say(f"safeguard: {' '.join(each.bound_by)}", indent=4, hanging=2)
    if each.contract:
        out.say(f"contract: SHA-256 {each.contract.sha256}", indent=4, hanging=2)
    if each.undeclared:
        out.say(f"! undeclared: {words.listed(each.undeclared)}", indent=4, hanging=2)
