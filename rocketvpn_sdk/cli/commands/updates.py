"""``updates check``, ``updates download`` and ``updates certify``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from rocketvpn_sdk.cli import codes, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.errors import NotGenuine, ReleaseRefused

if TYPE_CHECKING:  # brings what fetches
    from rocketvpn_sdk.updates import Release, UpdateCheck
    from rocketvpn_sdk.updates.download import Progress as Tell

Installed = Annotated[
    str | None, typer.Option(metavar="VERSION", help="The version that is installed; else app_version of the settings.")
]
ChannelName = Annotated[str | None, typer.Option("--channel", metavar="NAME", help="stable, unless another is named.")]


@help_text(
    """Look for a new version of the app.

    Only what every device fetches is fetched; which version fits this one is decided here. With --offline, by what
    was fetched last.
    """
)
def check(
    context: CommandContext,
    installed: Installed = None,
    channel: ChannelName = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Go by the list fetched last, if it is the newest known.")
    ] = False,
) -> CommandResult:
    with context.open(new=True, app_version=installed, channel=channel) as rocket:
        found = rocket.updates.known() if offline else rocket.updates.check()
    return CommandResult(found, lambda out: _show(out, found))


@help_text(
    """Download a version that the operator offers.

    It is verified before it gets its name. If the connection breaks, the same command goes on where it ended.
    """
)
def download(
    context: CommandContext,
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="Else the newest that is offered; may be one to go back to.")
    ] = None,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="The folder to write it to.")] = Path(),
    installed: Installed = None,
    channel: ChannelName = None,
) -> CommandResult:
    with context.open(new=True, app_version=installed, channel=channel) as rocket:
        found = rocket.updates.check()
        release = _chosen(found, version)
        if release is None:
            return CommandResult({"release": None, "path": None}, lambda out: _show(out, found))
        with _bar(context.out) as tell:
            path = rocket.updates.download(release, into, tell)

    def show(out: Out) -> None:
        out.say(f"Version {release.version} is here, as the operator signed it: {path}")

    return CommandResult({"release": release, "path": str(path)}, show)


@help_text(
    """Check that what is installed is what the operator signed.

    FILE is the folder of the app, or one file of it, or a package that was downloaded. Files that were altered, are
    missing or were added are named.
    """
)
def certify(
    context: CommandContext,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The folder or the file.")],
    installed: Installed = None,
    channel: ChannelName = None,
) -> CommandResult:
    with context.open(new=True, app_version=installed, channel=channel) as rocket:
        try:
            done = rocket.updates.certify(file)
        except NotGenuine as error:
            return _not_genuine(error)

    def show(out: Out) -> None:
        out.say(f"Genuine: {words.counted(done.files, 'file')} as the operator signed version {done.version}.")
        if done.withdrawn:
            out.say("The operator has withdrawn this version: do not use it any more.")

    return CommandResult({"genuine": True, **_fields(done)}, show)


def _not_genuine(error: NotGenuine) -> CommandResult:
    kinds = ("altered", "missing", "extra")
    found = {kind: error.params[kind] for kind in kinds}

    def show(out: Out) -> None:
        out.error(f"Error: {error.message} {error.remedy}")
        out.table(("WHAT", "FILE"), [(kind, path) for kind in kinds for path in found[kind]])

    return CommandResult({"genuine": False, "version": error.params["version"], **found}, show, codes.REFUSED)


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in type(value).__struct_fields__}  # type: ignore[attr-defined] # a struct


def _chosen(found: UpdateCheck, version: str | None) -> Release | None:
    if version is None:
        return found.release
    offered = (found.release, *found.roll_backs)
    release = next((each for each in offered if each is not None and each.version == version), None)
    if release is None:
        raise ReleaseRefused(version=version, cause="unknown")
    return release


def _show(out: Out, found: UpdateCheck) -> None:
    if found.withdrawn:
        out.say(f"The operator has withdrawn version {found.installed}, which is installed: do not use it any more.")
    elif found.required:
        out.say(f"The operator no longer supports version {found.installed}, which is installed.")
    if found.release is not None:
        release = found.release
        out.say(f"Version {release.version} of {words.day(release.published)} is there ({release.length:,} bytes).")
        if release.notes:
            out.say(f"What is new: {release.notes}")
        out.say("Get it with `rocketvpn updates download`.")
    elif found.staged:
        out.say("A newer version is being handed out step by step; this device's turn has not come yet.")
    elif not found.required:
        out.say(f"Version {found.installed} is the newest for this device.")
    for release in found.roll_backs:
        out.say(f"You can go back to version {release.version}: `rocketvpn updates download {release.version}`.")
    out.say(f"This holds until {words.moment(found.trusted_until)} UTC without asking again.")


@contextmanager
def _bar(out: Out) -> Iterator[Tell | None]:
    """Show how far it is, where somebody watches."""
    if out.json or not sys.stderr.isatty():
        yield None
        return
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("")
        yield lambda have, length: bar.update(task, completed=have, total=length)
