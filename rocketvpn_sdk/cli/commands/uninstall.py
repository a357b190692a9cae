"""``uninstall``."""

from __future__ import annotations

from typing import Annotated

import typer

from rocketvpn_sdk import uninstall as uninstaller
from rocketvpn_sdk.cli import ask, codes, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.uninstall import Installations


@help_text(
    """Remove every vault of an app from this computer.

    For an uninstaller: each profile in the user's data folder is found, listed and removed, with its keys. A vault
    elsewhere (--data-dir) is not found; `rocketvpn reset` removes that. The server is not told: to have deleted what it
    holds, use `rocketvpn delete` before.
    """
)
def uninstall(
    context: CommandContext,
    app_id: Annotated[str, typer.Argument(metavar="APP_ID", help="The app's own name, such as org.example.vpn.")],
    everyone: Annotated[bool, typer.Option("--everyone", help="Of all users; as an administrator.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would go, and remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> CommandResult:
    found = uninstaller.find(app_id, everyone)
    if plan:
        return CommandResult(
            {"found": found}, lambda out: _show(out, found, "This goes:", "There is nothing to remove.")
        )
    if found.vaults and not yes:
        _show(context.out, found, "This goes:", "")
        ask.confirm("uninstall", "This cannot be undone.", context.out, stopped="Nothing was removed.")
    done = uninstaller.remove(app_id, everyone) if found.vaults else found
    code = codes.REFUSED if done.left else codes.DONE
    return CommandResult({"removed": done}, lambda out: _show(out, done, "Removed:", "Nothing was removed."), code)


def _show(out: Out, found: Installations, some: str, none: str) -> None:
    out.say(some if found.vaults else none)
    for vault in found.vaults:
        out.say(f"{vault.folder} ({vault.user}, {vault.secrets})", indent=2)
    if found.left:
        out.say("Not reached:")
    for left in found.left:
        out.say(f"{left.folder or left.user}: {left.problem}", indent=2)
    for keeper in found.keep_deleted:
        out.say(words.keeps(keeper))
