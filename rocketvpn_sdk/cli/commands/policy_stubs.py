"""``policy stubs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rocketvpn_sdk.cli import files
from rocketvpn_sdk.cli.commands.policy_show import File, chosen
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult
from rocketvpn_sdk.policy.stubs import stubs


@help_text(
    """Write a policy's own events and calls as typed Python, for mypy and pyright.

    A field that the policy does not declare, or a value of the wrong kind, is then an error of types in your app. Write
    the file again when the policy has changed.
    """
)
def policy_stubs(
    context: CommandContext,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The module to write; - prints it.")],
    policy: File = None,
    yes: Annotated[bool, typer.Option("--yes", help="Replace FILE if it is there, without asking.")] = False,
) -> CommandResult:
    content = stubs(chosen(policy)).encode()
    files.check_or_ask(output, context.out, name="FILE", yes=yes)
    if files.is_stdout(output):
        return CommandResult(None, lambda _: files.pour(content))
    files.write(output, content, name="FILE", overwrite=True)
    return CommandResult({"file": str(output)}, lambda out: out.say(f"Written to {output}."))
