"""``features``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out

if TYPE_CHECKING:
    from rocketvpn_sdk.features import Choice, FeatureStatus

_COMMANDS = {"bind": "rocketvpn bind ORDER", "age": "rocketvpn age", "guardian": "rocketvpn guardian request"}


@help_text(
    """Show what works here, and what would make the rest work.

    What is not named here can be refused, and everything goes on working. The server is not asked.
    """
)
def features(context: CommandContext) -> CommandResult:
    with context.open() as rocket:
        found = rocket.features.status()
    return CommandResult({"features": list(found)}, lambda out: _show(out, found))


def _show(out: Out, found: tuple[FeatureStatus, ...]) -> None:
    if not found:
        out.say("The privacy policy does not say what its features need.")
    for each in found:
        out.say(f"{'works   ' if each.works else 'does not'}  {each.feature}: {each.sentence}", hanging=10)
        if each.reason:
            out.say(each.reason, indent=10)
        for given in each.needs_given:
            out.say(f"It needs this, which you can leave out: {given}", indent=10)
        for choice in each.choices:
            out.say(choice.sentence, indent=10)
            out.say(_command(choice), indent=12)
        if not each.works and not each.choices:
            out.say("No choice of yours would make it work now.", indent=10)


def _command(choice: Choice) -> str:
    if choice.kind == "policy":
        return "rocketvpn policy accept"
    if choice.kind != "consent":
        return _COMMANDS[choice.kind]
    third = f" --recipient {choice.recipient}" if choice.recipient else ""
    return f"rocketvpn consent grant {choice.purpose}{third}"
