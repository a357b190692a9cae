"""``reset``."""

from __future__ import annotations

from typing import Annotated

import typer

from rocketvpn_sdk.cli import ask
from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.client import RocketVPN


@help_text(
    """Remove what is on this device, whatever state it is in.

    For a vault that cannot be opened any more. The server is not told: it goes on holding what it holds. To have that
    deleted too, use `rocketvpn delete`.
    """
)
def reset(
    call: Call,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Answer:
    folder = str(call.config.folder)
    there = call.vault_exists
    if there:
        call.out.say(f"This removes the vault in {folder} and its keys. The server is not told.")
        if not yes:
            ask.confirm("reset", "This cannot be undone.", call.out)
        RocketVPN.reset(call.config)

    def show(out: Out) -> None:
        out.say("The vault and its keys are gone." if there else "There was nothing to remove.")

    return Answer({"reset": there, "folder": folder}, show)
