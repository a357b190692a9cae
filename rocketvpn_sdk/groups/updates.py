"""``rocket.updates``: look for a release, download it, certify what is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rocketvpn_sdk import platforms
from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.cancelling import CancelToken, cancelled_by
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import ConfigurationError, ReleaseRefused, ValueRefused
from rocketvpn_sdk.files import absolute, path_problem, require_file, why
from rocketvpn_sdk.files.tree import sha256_of
from rocketvpn_sdk.signed_files.evidence import good_until
from rocketvpn_sdk.updates.certify import Certified, Differences, certify_folder
from rocketvpn_sdk.updates.download import Progress, to_file
from rocketvpn_sdk.updates.releases import (
    InstalledApp,
    Release,
    UpdateCheck,
    offers,
    parse_list,
    parse_manifest,
    require_offered,
)
from rocketvpn_sdk.updates.remote import RemoteFile, Sink
from rocketvpn_sdk.updates.rollout import rollout_number
from rocketvpn_sdk.vault.header import FORMAT
from rocketvpn_sdk.wire import RELEASES_TARGET, Channel, FilePart, ListedRelease, Manifest, ReleaseList, SignedFile

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files import TrustedFiles
    from rocketvpn_sdk.transport import Api

_NO_VERSION = "updates need app_version, the version of the app that is installed"
_ROOM = 32
"""Characters that the name of an unfinished download has more."""
_LARGEST_MANIFEST = 16 << 20


@checks_arguments
class Updates:
    """Releases of the app. Thread-safe; what is fetched says nothing about the user, and every call is in the ledger.

    Args:
        context: what the components share.
        trusted: returns the operator's signed files.
        connect: returns the calls.
        version: of the installed app; ``None``: the app did not say.
        channel: which releases it takes.
    """

    def __init__(
        self,
        context: Context,
        *,
        trusted: Callable[[], TrustedFiles],
        connect: Callable[[], Api],
        version: str | None,
        channel: str,
    ) -> None:
        self._context = context
        self._trusted = trusted
        self._connect = connect
        self._version = version
        self._channel = channel

    def check(self) -> UpdateCheck:
        """Fetch the signed list of releases, and return what it offers to this device.

        Every device fetches the same files, whatever it runs. What is offered is decided here.

        Raises:
            UpdateRefused: a signature, a date or a length is wrong (``not-found``: no releases are published).
            TransportError, ServerError: the server cannot be asked now; ``known`` says what was offered last.
            ConfigurationError: the app did not say its version, or has no ``trusted_root``.
            VaultLocked: unlock first.
        """
        self._app()
        self._trusted().refresh()
        return self.known()

    def known(self) -> UpdateCheck:
        """Return what the signed list that was fetched last offers; without a connection, until its signatures expire.

        It is fetched if the device knows of a newer one, from ``policy.check`` or from a ``check`` that was cut.

        Raises:
            UpdateRefused: they have ``expired``: ``check`` first.
            RocketVPNError: there is no list yet, and ``check`` would raise this.
        """
        app = self._app()
        listed, until = self._listed()
        return offers(listed, app, rollout_number(self._context.vault, self._context.permit), utc(until))

    def download(
        self,
        release: Release,
        folder: Path,
        progress: Progress | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Path:
        """Download ``release`` into ``folder``, and return the file, which is what the operator signed.

        A download that was interrupted goes on where it ended. The file gets its name once it was verified. The call
        says which version and which kind of system the file is for, and not who asks.

        Args:
            release: from ``check``: the one that is offered, or one of ``roll_backs``.
            folder: where; it has to be there.
            progress: called with the bytes that are here, and with all; if it returns ``False``, the download ends.
            cancel: ends the call from another thread; the next one goes on where it ended.

        Raises:
            ReleaseRefused: it is not one that the operator offers for this device.
            UpdateRefused: the signatures have ``expired``: ``check`` first.
            DownloadFailed: there is no room, or what came is not what was signed; ``cause`` says which.
            DownloadCancelled: ``progress`` ended it; nothing of the file is left.
            CallCancelled: ``cancel`` ended it; what is here stays for the next try.
            TransportError, ServerError, RateLimited: the servers cannot be reached; call again to go on.
            EgressBlocked, OperationUndeclared: the policy does not let the call go.
        """
        app = self._app()
        listed, _ = self._listed()
        entry = require_offered(release, listed, app)
        place = _usable(folder / entry.files[app.platform].name, "folder")
        signed = entry.files[app.platform].package
        if signed.length > self._context.limits.max_download_bytes:
            raise ReleaseRefused(version=release.version, cause="length")
        with cancelled_by(cancel):
            to_file(self._remote(listed, entry, "package", signed), place, progress)
        return place

    def certify(self, path: Path) -> Certified:
        """Check that what is installed at ``path`` is what the operator signed for the installed version.

        Args:
            path: the folder of the app; or one file: a downloaded package, or one of the installed files.

        Raises:
            NotGenuine: files are altered, missing or extra; they are named.
            ReleaseRefused: the signed list does not have the installed version, or no list of its files.
            ValueRefused: nothing is at ``path``, or it cannot be read.
            RocketVPNError: as ``known`` and ``download``.
        """
        app = self._app()
        listed, _ = self._listed()
        path = _usable(path, "path")
        try:
            if not path.is_dir():
                return self._certify_file(path, listed, app)
            entry = self._installed(listed, app)
            return _certified(entry, certify_folder(path, self._manifest(listed, entry)))
        except OSError as error:
            raise ValueRefused(name="path", problem=why(error, reading=True)[1]) from None

    # ---------------------------------------------------------------- inside

    def _certify_file(self, path: Path, listed: ReleaseList, app: InstalledApp) -> Certified:
        length, sha256 = require_file(path).st_size, sha256_of(path)
        for entry in listed.channels.get(app.channel, Channel()).releases:
            files = entry.files.get(app.platform)
            if files is not None and (files.package.length, files.package.sha256) == (length, sha256):
                return _certified(entry, 1)
        entry = self._installed(listed, app)
        names = [file for file in self._manifest(listed, entry).files if file.path.rpartition("/")[2] == path.name]
        if not any((file.length, file.sha256) == (length, sha256) for file in names):
            differences = Differences()
            (differences.altered if names else differences.extra).append(path.name)
            differences.require_none(app.version)
        return _certified(entry, 1)

    def _app(self) -> InstalledApp:
        if self._version is None:
            raise ConfigurationError(problem=_NO_VERSION)
        return InstalledApp(
            version=self._version, channel=self._channel, platform=platforms.kind(), vault_format=FORMAT
        )

    def _listed(self) -> tuple[ReleaseList, float]:
        found = self._trusted().known(RELEASES_TARGET)
        return parse_list(found.content), good_until(found.evidence)

    def _installed(self, listed: ReleaseList, app: InstalledApp) -> ListedRelease:
        for entry in listed.channels.get(app.channel, Channel()).releases:
            if entry.version == app.version and app.platform in entry.files:
                return entry
        raise ReleaseRefused(version=app.version, cause="unknown")

    def _manifest(self, listed: ReleaseList, entry: ListedRelease) -> Manifest:
        platform = platforms.kind()
        signed = entry.files[platform].manifest
        if signed is None or signed.length > _LARGEST_MANIFEST:
            raise ReleaseRefused(version=entry.version, cause="no-manifest")
        sink = Sink()
        self._remote(listed, entry, "manifest", signed).complete(sink)
        return parse_manifest(bytes(sink.content))

    def _remote(self, listed: ReleaseList, entry: ListedRelease, part: FilePart, signed: SignedFile) -> RemoteFile:
        path = {"platform": platforms.kind(), "app_version": entry.version, "file": part}
        return RemoteFile(self._connect(), path, signed, listed.mirrors)


def _certified(entry: ListedRelease, files: int) -> Certified:
    return Certified(version=entry.version, files=files, withdrawn=entry.withdrawn)


def _usable(path: Path, name: str) -> Path:
    problem = path_problem(path, room=_ROOM)
    if problem:
        raise ValueRefused(name=name, problem=problem)
    try:
        return absolute(path)
    except ValueError as error:
        raise ValueRefused(name=name, problem=str(error)) from None
