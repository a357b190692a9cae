"""TUF's client workflow (specification §5), done by python-tuf, with our clock and through our one way out.

Imported late: python-tuf takes longer to load than all of the SDK.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tuf.api import exceptions as tuf
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import AnswerTooLarge, ConfigurationError, RocketVPNError, UpdateRefused
from rocketvpn_sdk.files import disk_error
from rocketvpn_sdk.policy.members import SEGMENT
from rocketvpn_sdk.signed_files.metadata import TOP_LEVEL, MetadataStore

if TYPE_CHECKING:
    from rocketvpn_sdk.transport.interfaces import Fetch

Download = Callable[[str, int], bytes | None]
"""Returns the file of that name, at most so many bytes; ``None``: there is none."""

BOUNDS = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=32,
    root_max_length=128 << 10,
    timestamp_max_length=16 << 10,
    snapshot_max_length=256 << 10,
    targets_max_length=1 << 20,
)
"""Lengths in bytes (§5.3.3, §5.4.1, §5.5.1, §5.6.1), and how many delegated roles one look-up visits (§5.6.7.1).

A file that another one names is no longer than that one says, nor than ``targets_max_length``. All delegated roles of a
look-up have ``MOST_DELEGATED`` bytes at most.
"""
ROLE_FILE = SEGMENT
"""How the file of a role may be named on the server: what the guard lets through as one segment of a path."""

_VERSION = re.compile(r"^[0-9]+\.")
_METADATA, _TARGETS = "metadata/", "targets/"
_ROOT = "root.json"

_PROBLEMS: dict[str, str] = {
    "expired": "what came has expired, or this device's clock is ahead; someone may be holding back what is newer",
    "name": "a delegated role has a name that this software does not ask for",
    "missing": "the server does not have a file that belongs to what was signed",
    "not-found": "no such file is signed",
    "oversize": "a file is longer than it may be",
    "rollback": "what came is older than, or does not belong to, what was signed last",
    "signature": "not enough of the right keys signed it",
    "tampered": "a file is not what was signed",
}
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (tuf.ExpiredMetadataError, "expired"),
    (tuf.BadVersionNumberError, "rollback"),
    (tuf.UnsignedMetadataError, "signature"),
    (tuf.DownloadLengthMismatchError, "oversize"),
    (tuf.DownloadHTTPError, "missing"),
)
"""What python-tuf raises; whatever else it says of a file, the file is not what it should be."""


def refused(reason: str) -> UpdateRefused:
    """Return the refusal for ``reason``."""
    return UpdateRefused(reason=reason, problem=_PROBLEMS[reason])


class Client(Updater):
    """python-tuf's client for one refresh, in a folder of its own.

    Args:
        work: the folder, laid out by ``kept.lay_out``.
        root: the embedded root: the only thing that is believed unverified.
        store: the metadata that is known, and where new metadata goes.
        metadata, targets: where files come from.
        now: seconds since the epoch, by which metadata expires.

    Raises:
        ConfigurationError: ``root`` is no root metadata, or does not carry its own signatures.
    """

    def __init__(
        self, *, work: Path, root: bytes, store: MetadataStore, metadata: Download, targets: Download, now: float
    ) -> None:
        self._store = store
        try:
            super().__init__(
                str(work),
                _METADATA,
                target_base_url=_TARGETS,
                fetcher=_Fetcher(metadata, targets),
                config=BOUNDS,
                bootstrap=root,
            )
        except tuf.RepositoryError:
            raise ConfigurationError(problem="trusted_root is not root metadata that TUF can begin from") from None
        self._set_time(utc(now))

    def _set_time(self, now: datetime) -> None:
        """Let metadata expire by ``now``; nothing was compared with the machine's clock before (§5.1).

        python-tuf 7.0 has the attribute, and no argument for it. Should it go, this fails, and nothing is refreshed
        by a clock that is not ours.
        """
        if not isinstance(self._trusted_set.reference_time, datetime):
            raise TypeError("python-tuf keeps its time elsewhere")
        self._trusted_set.reference_time = now

    # python-tuf 7.0 calls these two for everything but roots. It has no argument for another place.

    def _load_local_metadata(self, rolename: str) -> bytes:
        return self._store.load(f"{rolename}.json")

    def _persist_metadata(self, rolename: str, data: bytes) -> None:
        self._store.save(f"{rolename}.json", data)

    def names(self) -> Collection[str]:
        """Return the file name of every role in the repository, without a version (§4.4)."""
        return self._trusted_set.snapshot.meta.keys()

    def find(self, path: str, *, at_most: int) -> TargetFile:
        """Return what the metadata says of the target ``path``.

        Raises:
            UpdateRefused: ``not-found``, ``oversize`` (more than ``at_most`` bytes), or what ``translated`` says.
        """
        info = self.get_targetinfo(path)
        if info is None:
            raise refused("not-found")
        if info.length > at_most:
            raise refused("oversize")
        return info


def is_genuine(info: TargetFile, content: bytes) -> bool:
    """Whether ``content`` is the target that ``info`` describes (§5.7.3); an answer about a cache, not about trust."""
    try:
        info.verify_length_and_hashes(content)
    except tuf.LengthOrHashMismatchError:
        return False
    return True


def paths_in(content: bytes) -> Collection[str]:
    """Return the path of every target that the targets metadata ``content`` lists; an answer about a cache."""
    try:
        return Metadata[Targets].from_bytes(content).signed.targets.keys()
    except (tuf.RepositoryError, AttributeError):  # AttributeError: it is the metadata of another role
        return ()


def metadata_held(store: MetadataStore) -> Download:
    """Return where the metadata comes from that was kept: the same steps verify it as if it came from the server."""
    return lambda name, _: store.held.get(_role_file(name))


def metadata_from(fetch: Fetch) -> Download:
    """Return where metadata comes from on the server."""

    def download(name: str, at_most: int) -> bytes | None:
        if not ROLE_FILE.fullmatch(name):
            raise refused("name")
        return fetch("tuf.metadata", path={"file": name}, at_most=min(at_most, BOUNDS.targets_max_length))

    return download


def delegated_from(fetch: Fetch, store: MetadataStore) -> Download:
    """Return where metadata comes from during a look-up: from the server those delegated roles that are not kept."""
    held, server = metadata_held(store), metadata_from(fetch)

    def download(name: str, at_most: int) -> bytes | None:
        role_file = _role_file(name)
        if role_file == _ROOT or role_file in TOP_LEVEL:
            return held(name, at_most)
        return server(name, min(at_most, store.room(role_file)))

    return download


def _role_file(name: str) -> str:
    """Return the role's file name; with consistent snapshots a version comes before it on the server (§6.2)."""
    return _VERSION.sub("", name)


def targets_from(fetch: Fetch) -> Download:
    """Return where targets come from on the server."""

    def download(name: str, at_most: int) -> bytes | None:
        folder, _, file = name.partition("/")
        return fetch("tuf.target", path={"folder": folder, "file": file}, at_most=at_most)

    return download


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn whatever comes out of python-tuf into an error of ours; ``folder`` is where it writes.

    Raises:
        UpdateRefused: what came cannot be trusted.
        RocketVPNError: what the download raised: no connection, an answer that is none, a call that may not go.
        VaultFull, VaultReadOnly: the folder cannot be written to.
    """
    try:
        yield
    except RocketVPNError:
        raise
    except _Stopped as stopped:
        raise stopped.error from None
    except OSError as raised:
        raise disk_error(raised, folder) from None
    except Exception as raised:  # noqa: BLE001 - bytes from outside went in; no caller sees what a library says of them
        raise refused(next((reason for kind, reason in _REASONS if isinstance(raised, kind)), "tampered")) from None


class _Stopped(tuf.DownloadError):
    """Carries an error of ours through python-tuf."""

    def __init__(self, error: RocketVPNError) -> None:
        self.error = error
        super().__init__(error.code)


class _Fetcher(FetcherInterface):
    """python-tuf's downloads, through ours, which are bounded by the same length and never redirected."""

    def __init__(self, metadata: Download, targets: Download) -> None:
        self._sources = {_METADATA: metadata, _TARGETS: targets}

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """Yield the file ``url``: a prefix that says which kind, and its name there."""
        prefix, _, name = url.partition("/")
        try:
            found = self._sources[f"{prefix}/"](name, max_length)
        except AnswerTooLarge:
            raise tuf.DownloadLengthMismatchError("too long") from None
        except RocketVPNError as error:
            raise _Stopped(error) from None
        if found is None:
            raise tuf.DownloadHTTPError("there is none", 404)
        if len(found) > max_length:
            raise tuf.DownloadLengthMismatchError("too long")
        yield io.BytesIO(found)

    def _fetch(self, url: str) -> Iterator[bytes]:  # noqa: ARG002 - the interface's
        raise tuf.DownloadError("files are fetched by download_file, which knows how long they may be")
