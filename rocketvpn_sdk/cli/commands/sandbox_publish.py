"""``sandbox publish`` and ``sandbox revise``: releases of the software at a sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk import platforms
from rocketvpn_sdk.cli import codes, files
from rocketvpn_sdk.cli.commands.sandbox import import_sandbox
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.vault.header import FORMAT
from rocketvpn_sdk.wire import Platform

if TYPE_CHECKING:
    from rocketvpn_sdk.sandbox.releases import Releases
    from rocketvpn_sdk.sandbox.tuf_repository import Repository

Folder = Annotated[Path, typer.Option("--folder", metavar="DIR", help="The folder of the sandbox, running or not.")]
ChannelName = Annotated[str, typer.Option("--channel", metavar="NAME", help="Which of the operator's channels.")]
Percent = Annotated[int, typer.Option(min=0, max=100, metavar="N", help="How many devices of a hundred take it.")]


@help_text(
    """Publish a version of an app at a sandbox.

    The list of releases is signed by two keys, which the sandbox has; an operator keeps them on a machine without a
    network. With --installed, what is installed can be certified.
    """
)
def publish(
    context: CommandContext,
    package: Annotated[Path, typer.Argument(metavar="FILE", help="What users download.")],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.4.2, or 1.5.0-beta2.")],
    folder: Folder,
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="linux, macos, windows or other; else that of this machine.")
    ] = None,
    channel: ChannelName = "stable",
    installed: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The app's files as they are installed.")
    ] = None,
    rollout: Percent = 100,
    roll_back: Annotated[bool, typer.Option("--roll-back", help="Users of newer versions may go back to it.")] = False,
    vault_format: Annotated[int, typer.Option(min=1, metavar="N", help="The newest it reads.")] = FORMAT,
) -> CommandResult:
    del context
    releases = _releases(folder)
    from rocketvpn_sdk.sandbox.releases import NewRelease

    new = NewRelease(
        version=version,
        package=package,
        platform=_platform(platform),
        vault_format=vault_format,
        published=datetime.now(UTC).date(),
        channel=channel,
        installed=installed,
        rollout=rollout,
        roll_back=roll_back,
    )
    try:
        listed = releases.publish(new)
    except ValueError as error:
        raise CommandError(f"It is not published: {error}.", exit_code=codes.USAGE) from None
    except OSError as error:
        problem = f"A file cannot be read or written: {error.strerror or type(error).__name__}."
        raise CommandError(problem, exit_code=codes.USAGE) from None
    said = f"Published version {version} for {new.platform}, channel {channel}, for {rollout} devices of a hundred."
    return CommandResult(listed, lambda out: out.say(said))


@help_text("Withdraw a version at a sandbox, or let more devices have it.")
def revise(
    context: CommandContext,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The version.")],
    folder: Folder,
    channel: ChannelName = "stable",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Offer it to nobody any more.")] = False,
    rollout: Annotated[
        int | None, typer.Option(min=0, max=100, metavar="N", help="How many devices of a hundred take it.")
    ] = None,
    minimum: Annotated[bool, typer.Option("--minimum", help="Let no older version be used any more.")] = False,
) -> CommandResult:
    del context
    releases = _releases(folder)
    try:
        releases.revise(version, channel, withdrawn=True if withdraw else None, rollout=rollout)
    except LookupError as error:
        raise CommandError(f"It cannot be changed: {error}.", exit_code=codes.USAGE) from None
    if minimum:
        releases.require(version, channel)
    return CommandResult(releases.listed(), lambda out: out.say(f"The list of releases is signed anew: {version}."))


def _releases(folder: Path) -> Releases:
    import_sandbox()
    from rocketvpn_sdk.sandbox.releases import Releases

    return Releases(repository(folder))


def repository(folder: Path) -> Repository:
    """Return the signed files of the sandbox in ``folder``.

    Raises:
        CommandError: there is none.
    """
    from rocketvpn_sdk.clock import SystemClock
    from rocketvpn_sdk.sandbox.tuf_repository import Repository

    files.refuse_vault(folder, name="--folder")
    if not (folder / "tuf").is_dir():
        raise CommandError(
            "There is no sandbox in this folder.",
            advice="Start one there first: `rocketvpn sandbox --folder DIR`.",
            exit_code=codes.USAGE,
        )
    return Repository(folder / "tuf", SystemClock())


def _platform(name: str | None) -> Platform:
    for known in ("linux", "macos", "windows", "other"):
        if known == (name or platforms.kind()):
            return known
    raise CommandError("There is no such platform.", advice="linux, macos, windows or other.", exit_code=codes.USAGE)
