"""``reset``."""

from __future__ import annotations

from typing import Annotated

import typer

from rocketvpn_sdk.cli import ask, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.vault import Removal


@help_text(
    """Remove what is on this device, in whatever state.

    For a vault that cannot be opened any more. The server is not told: it goes on holding what it holds. To have that
    deleted too, use `rocketvpn delete`.
    """
)
def reset(
    context: CommandContext,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> CommandResult:
    folder = str(context.config.folder)
    there, removal = context.vault_exists, Removal()
    if there:
        context.out.say(f"This removes the vault in {folder} and its keys. The server is not told.")
        if not yes:
            ask.confirm("reset", "This cannot be undone.", context.out)
        removal = RocketVPN.reset(context.config)

    def show(out: Out) -> None:
        out.say(_gone(removal) if there else "There was nothing to remove.")
        for name in removal.left:
            out.say(f"rocketvpn-sdk/{name}", indent=2)
        if removal.keeps_deleted:
            out.say(words.keeps(removal.keeps_deleted))

    return CommandResult({"reset": there, "folder": folder, "secrets": removal}, show)


def _gone(removal: Removal) -> str:
    if removal.left:
        return "The vault's files are gone. They named keys that they could not prove to be theirs; those stay:"
    if removal.unknown:
        return (
            "The vault's files are gone. They could not say which key was theirs; it may still be in the secret store."
        )
    return "The vault and its keys are gone."
