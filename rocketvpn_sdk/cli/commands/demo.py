"""``demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from rocketvpn_sdk.cli.commands.sandbox import import_sandbox, stopping_on_signals
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult


@help_text(
    """See it all at work, and proof that what is deleted is gone.

    Binds, logs, shows, corrects, exports and deletes against a server of its own. Everything is real: TLS, the system's
    keyring where there is one, the files on the disk. Nothing leaves this machine, and nothing is left on it. The exit
    code is 0 only if every check held.
    """
)
def demo(
    context: CommandContext,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder, to look into it.")] = False,
) -> CommandResult:
    import_sandbox()
    from rocketvpn_sdk.cli.demo.play import play

    with stopping_on_signals():
        return play(context.out, keep=keep)
