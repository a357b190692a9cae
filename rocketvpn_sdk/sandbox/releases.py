"""Releases of the software as an operator publishes them: a signed list, and the files that it names (U4).

Two keys sign the list, for a role of its own: neither the server nor one of the two can offer a release. The key of
``targets`` says which two they are.
"""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

import msgspec

from rocketvpn_sdk import platforms, wire
from rocketvpn_sdk.files import write_private
from rocketvpn_sdk.files.tree import sha256_of, walk
from rocketvpn_sdk.sandbox.http_messages import FileBody, Refused, ServerRequest, ServerResponse
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tuf_repository import Repository

PATH = "/releases/{platform}/{app_version}/{file}"
_FOLDER = "releases"
_PLACE = re.compile(r"(\w+)`$")
"""Ends what msgspec says: the last part of a path, which is the name of a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRelease:
    """A version for one platform, ready to be published."""

    version: str
    package: Path
    platform: wire.Platform
    vault_format: int
    published: date
    channel: str = "stable"
    name: str = ""
    """What the package is called once it is downloaded; default: as the file is."""
    installed: Path | None = None
    """A folder with the files as they are installed; without it they cannot be certified."""
    ignored: tuple[str, ...] = ()
    """Files and folders in it that the installed app may change."""
    rollout: int = 100
    roll_back: bool = False


class Releases:
    """The releases of ``repository``, whose files are served from ``folder``."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._folder = files_folder(repository.folder.parent)

    def listed(self) -> wire.ReleaseList:
        """Return the list as it is served now."""
        return _parsed(self._repository.target(wire.RELEASES_TARGET))

    def publish(self, new: NewRelease) -> wire.ListedRelease:
        """Publish ``new``; a version that is there already gets one more platform.

        Raises:
            ValueError: a value cannot be, or other files were published for this version and platform before.
            OSError: a file cannot be read or written.
        """
        manifest = None if new.installed is None else make_manifest(new.installed, new)
        files = wire.PlatformFiles(
            name=new.name or new.package.name,
            package=wire.SignedFile(length=new.package.stat().st_size, sha256=sha256_of(new.package)),
            manifest=None if manifest is None else _signed(manifest),
        )

        def change(listed: wire.ReleaseList) -> wire.ReleaseList:
            channel = listed.channels.get(new.channel, wire.Channel())
            before = next((each for each in channel.releases if each.version == new.version), None)
            published = (each for other in listed.channels.values() for each in other.releases)
            if any(each.version == new.version and each.files.get(new.platform, files) != files for each in published):
                raise ValueError("this version was published with other files; a changed file needs a new version")
            release = wire.ListedRelease(
                version=new.version,
                published=new.published,
                vault_format=new.vault_format,
                files={**(before.files if before else {}), new.platform: files},
                rollout=new.rollout,
                withdrawn=before is not None and before.withdrawn,
                roll_back=new.roll_back,
            )
            others = (each for each in channel.releases if each.version != new.version)
            return _with(listed, new.channel, msgspec.structs.replace(channel, releases=(*others, release)))

        _checked(change(self.listed()))  # before a file is copied
        place = self._folder / new.platform / new.version
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(new.package, place / ".package")
        (place / ".package").replace(place / "package")
        if manifest is not None:
            write_private(place / "manifest", manifest)
        return _found(self._change(change), new.channel, new.version)

    def revise(
        self, version: str, channel: str = "stable", *, withdrawn: bool | None = None, rollout: int | None = None
    ) -> None:
        """Withdraw a release, or let more devices have it.

        Raises:
            LookupError: it was not published in this channel.
        """
        wanted = {"withdrawn": withdrawn, "rollout": rollout}
        changes = {name: value for name, value in wanted.items() if value is not None}

        def change(listed: wire.ReleaseList) -> wire.ReleaseList:
            revised = msgspec.structs.replace(_found(listed, channel, version), **changes)
            old = listed.channels[channel]
            releases = tuple(revised if each.version == version else each for each in old.releases)
            return _with(listed, channel, msgspec.structs.replace(old, releases=releases))

        self._change(change)

    def require(self, minimum: str, channel: str = "stable") -> None:
        """Let ``minimum`` be the oldest version of a channel that may still be used."""

        def change(listed: wire.ReleaseList) -> wire.ReleaseList:
            old = listed.channels.get(channel, wire.Channel())
            return _with(listed, channel, msgspec.structs.replace(old, minimum=minimum))

        self._change(change)

    def mirrored(self, mirrors: Sequence[str]) -> None:
        """Name further servers that have the files."""
        self._change(lambda listed: msgspec.structs.replace(listed, mirrors=tuple(mirrors)))

    def rotate_key(self) -> None:
        """Let a new key sign the list in place of the older of the two."""
        self._repository.rotate_release_key()

    def _change(self, change: Callable[[wire.ReleaseList], wire.ReleaseList]) -> wire.ReleaseList:
        content = self._repository.publish_releases(lambda before: _checked(change(_parsed(before))))
        return _parsed(content)


def make_manifest(folder: Path, new: NewRelease) -> bytes:
    """Return the list of the files in ``folder``, as they are installed.

    Raises:
        ValueError: it has something that is neither a file nor a link, or a name that not every system can have.
        OSError: it cannot be read.
    """
    files = []
    for path, found in walk(folder, lambda name: name in new.ignored):
        if platforms.is_link(found):
            files.append(wire.ManifestFile(path=path, link=(folder / path).readlink().as_posix()))
        elif stat.S_ISREG(found.st_mode):
            files.append(wire.ManifestFile(path=path, length=found.st_size, sha256=sha256_of(folder / path)))
        else:
            raise ValueError(f"{PurePosixPath(path).name} is neither a file nor a link")
    if len({file.path.casefold() for file in files}) != len(files):
        raise ValueError("two names differ in nothing but case, and are one name on some systems")
    manifest = wire.Manifest(version=new.version, platform=new.platform, files=tuple(files), ignored=new.ignored)
    return _encoded(manifest, wire.Manifest)


def serve(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve a file of a release, or the part of it that is asked for (RFC 9110 §14.2)."""
    names = tuple(request.params[name] for name in ("platform", "app_version", "file"))
    path = files_folder(services.folder).joinpath(*names)
    if names[2] not in ("package", "manifest") or any(name.startswith(".") for name in names) or not path.is_file():
        raise Refused("not-found")
    size = path.stat().st_size
    return FileBody.response(path, size, (request.all("range") or [""])[0])


def files_folder(folder: Path) -> Path:
    """Return where a sandbox in ``folder`` has the files of its releases."""
    return folder / _FOLDER


def _with(listed: wire.ReleaseList, name: str, channel: wire.Channel) -> wire.ReleaseList:
    return msgspec.structs.replace(listed, channels={**listed.channels, name: channel})


def _found(listed: wire.ReleaseList, channel: str, version: str) -> wire.ListedRelease:
    for release in listed.channels.get(channel, wire.Channel()).releases:
        if release.version == version:
            return release
    raise LookupError("there is no such release in this channel")


def _parsed(content: bytes | None) -> wire.ReleaseList:
    return wire.ReleaseList() if content is None else msgspec.json.decode(content, type=wire.ReleaseList)


def _signed(content: bytes) -> wire.SignedFile:
    return wire.SignedFile.of(content)


def _checked(listed: wire.ReleaseList) -> bytes:
    return _encoded(listed, wire.ReleaseList)


def _encoded(value: msgspec.Struct, kind: type[msgspec.Struct]) -> bytes:
    """Return ``value`` as JSON; what a device could not read is refused here."""
    content = msgspec.json.encode(value)
    try:
        msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        what = place[1] if place else "a value"
        raise ValueError(f"{what!r} cannot be published: it has characters, or a size, that it may not have") from None
    return content
