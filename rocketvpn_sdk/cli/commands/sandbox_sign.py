"""``sandbox sign``: the signed lists of a sandbox, which every device fetches whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.commands.sandbox import import_sandbox
from rocketvpn_sdk.cli.commands.sandbox_publish import Folder, repository
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult
from rocketvpn_sdk.cli.problems import CommandError

_LARGEST = 1 << 20


@help_text(
    """Publish surveys, offers or notices at a sandbox.

    The file is the whole list, in TOML or JSON; it takes the place of the former one. Every device fetches it whole.
    """
)
def sign(
    context: CommandContext,
    name: Annotated[str, typer.Argument(metavar="LIST", help="surveys, offers or notices.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list; its name ends in .toml or .json.")],
    folder: Folder,
) -> CommandResult:
    del context
    import_sandbox()
    from rocketvpn_sdk.sandbox import lists

    if name not in ("surveys", "offers", "notices"):
        raise CommandError("There is no such list.", advice="surveys, offers or notices.", exit_code=codes.USAGE)
    named = cast(Literal["surveys", "offers", "notices"], name)
    try:
        content = file.read_bytes()[: _LARGEST + 1]
        path, signed = lists.target(lists.parse(named, content, toml=file.suffix == ".toml"))
        repository(folder).publish({path: signed})
    except ValueError as error:
        raise CommandError(f"It is not published: {error}.", exit_code=codes.USAGE) from None
    except OSError as error:
        problem = f"A file cannot be read or written: {error.strerror or type(error).__name__}."
        raise CommandError(problem, exit_code=codes.USAGE) from None
    said = f"Signed, and published as {path}. Devices fetch it with their next look."
    return CommandResult({"published": path, "bytes": len(signed)}, lambda out: out.say(said))
