"""The sandbox's TUF repository (specification 1.0, consistent snapshots §6.2): signed files, as an operator has them.

Its state is the files it serves: what a test changes in its folder is what clients get.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from securesystemslib.exceptions import StorageError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from rocketvpn_sdk import platforms
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.files import write_private
from rocketvpn_sdk.sandbox.tuf_keys import RepositoryKeys
from rocketvpn_sdk.wire import RELEASES_TARGET

T = TypeVar("T", Root, Targets, Snapshot, Timestamp)

Kind = Literal["metadata", "targets"]

POLICY = "policy/policy.json"
"""Where the policy is published, in its canonical form."""
RECEIPT_KEYS = "keys/receipts.json"
"""Where the keys are that sign receipts (RFC 7517 §5)."""
RELEASES_ROLE = "releases"
"""Signs the list of releases, and nothing else."""
ROOT_KEYS = 2
"""As many must sign each root, so that one that is stolen or lost decides nothing."""
LARGEST = 16 << 20
"""Bytes of a served file."""

_LIFETIMES = {
    Root.type: timedelta(days=365),
    Targets.type: timedelta(days=90),
    Snapshot.type: timedelta(days=7),
    Timestamp.type: timedelta(days=1),
}
_ONLINE = (Targets.type, Snapshot.type, Timestamp.type)
_HASH = "sha256"
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}/[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_VERSIONED_ROOT = re.compile(r"([1-9][0-9]*)\.root\.json")


class Repository:
    """The repository in ``folder``, made there the first time. Thread-safe.

    Args:
        folder: ``keys``, ``metadata``, ``targets`` and ``root.json`` in it are the repository.
        clock: what lifetimes go by.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._clock = clock
        self._lock = threading.RLock()
        self._keys = RepositoryKeys(folder / "keys")
        self._metadata, self._served = folder / "metadata", folder / "targets"
        self._releases: Metadata[Targets] | None = None
        if self.trusted_root.exists():
            self._load()
        else:
            self._make()

    @property
    def trusted_root(self) -> Path:
        """The first root: what clients embed."""
        return self.folder / "root.json"

    def read(self, kind: Kind, *names: str) -> bytes | None:
        """Return a served file; ``None``: there is none by that name."""
        if not all(_NAME.fullmatch(name) for name in names):
            return None
        path = self.folder.joinpath(kind, *names)
        with self._lock:
            try:
                with path.open("rb") as file:
                    content = file.read(LARGEST + 1)
            except OSError:
                return None
        return content if len(content) <= LARGEST else None

    def publish(self, files: Mapping[str, bytes]) -> None:
        """Publish ``files``, by path (``folder/file``), with new versions of targets, snapshot and timestamp.

        Raises:
            ValueError: a path that the SDK does not ask for, or a file that is too long.
        """
        for path, content in files.items():
            if not _PATH.fullmatch(path) or len(content) > LARGEST:
                raise ValueError("a signed file is named folder/file, and has at most 16 MiB")
        with self._changing():
            changed = False
            for path, content in files.items():
                target = TargetFile.from_data(path, content, [_HASH])
                changed = changed or self._targets.signed.targets.get(path) != target
                self._serve_target(target, content)
                self._targets.signed.targets[path] = target
            if changed:
                self._sign_from(Targets.type)

    def target(self, path: str) -> bytes | None:
        """Return the newest content of the signed file ``path``; ``None``: there is none."""
        with self._changing():
            return self._target(path)

    def publish_releases(self, change: Callable[[bytes | None], bytes]) -> bytes:
        """Publish what ``change`` makes of the list of releases; two keys of its own role sign it."""
        with self._changing():
            content = change(self._target(RELEASES_TARGET))
            new = self._releases is None
            releases = self._releases or self._delegate_releases()
            target = TargetFile.from_data(RELEASES_TARGET, content, [_HASH])
            self._serve_target(target, content)
            releases.signed.targets[RELEASES_TARGET] = target
            self._sign_releases()
            self._sign_from(Targets.type if new else Snapshot.type)
        return content

    def rotate_release_key(self) -> None:
        """Let a new key sign releases in place of the older of the two."""
        with self._changing():
            releases = self._releases or self._delegate_releases()
            oldest = self._release_keys()[0]
            self._targets.signed.add_key(self._keys.new().public_key, RELEASES_ROLE)
            self._targets.signed.revoke_key(oldest, RELEASES_ROLE)
            self._releases = releases
            self._sign_releases()
            self._sign_from(Targets.type)

    def renew(self) -> None:
        """Sign anew whatever has less than half of its lifetime left, as an operator's cron does."""
        if not self._due():
            return
        with self._changing():
            now = utc(self._clock.time())
            if _is_due(self._root.signed, now):
                self._sign_root(self._root.signed.roles[Root.type].keyids)
            if self._releases is not None and _is_due(self._releases.signed, now):
                self._sign_releases()
                self._sign_from(Snapshot.type)
            for role in (self._targets, self._snapshot, self._timestamp):
                if _is_due(role.signed, now):
                    self._sign_from(role.signed.type)
                    break

    def rotate_root(self, *roles: str) -> None:
        """Publish a new root: its oldest key gives way to a new one, and so do those of ``roles`` (``"timestamp"``).

        Signed by the keys of the old root and of the new (§5.3.4).
        """
        with self._changing():
            root = self._root.signed
            old = list(root.roles[Root.type].keyids)
            for role in (Root.type, *roles):
                oldest = root.roles[role].keyids[0]
                root.add_key(self._keys.new().public_key, role)
                root.revoke_key(oldest, role)
            self._sign_root(dict.fromkeys([*old, *root.roles[Root.type].keyids]))
            if roles:
                self._sign_from(next(role for role in _ONLINE if role in roles))

    # ---------------------------------------------------------------- inside

    def _target(self, path: str) -> bytes | None:
        for role in (self._targets, self._releases):
            found = None if role is None else role.signed.targets.get(path)
            if found is not None:
                folder, _, file = path.partition("/")
                return self.read("targets", folder, f"{found.hashes[_HASH]}.{file}")
        return None

    def _make(self) -> None:
        expires = utc(int(self._clock.time()))
        for place in (self.folder, self._metadata, self._served):
            place.mkdir(mode=0o700, exist_ok=True)
        root = Root(expires=expires, consistent_snapshot=True)
        for role in (*[Root.type] * ROOT_KEYS, *_ONLINE):
            root.add_key(self._keys.new().public_key, role)
        root.roles[Root.type].threshold = ROOT_KEYS
        self._root = Metadata(root)
        self._targets = Metadata(Targets(expires=expires))
        self._snapshot = Metadata(Snapshot(expires=expires))
        self._timestamp = Metadata(Timestamp(expires=expires))
        self._sign_root(root.roles[Root.type].keyids)
        self._sign_from(Targets.type)
        # Last: without it everything is made anew.
        write_private(self.trusted_root, (self._metadata / "1.root.json").read_bytes())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the repository as the other processes that serve this folder left it, and they do not."""
        path = self.folder / ".lock"
        path.touch(mode=0o600)
        with self._lock, path.open("r+b") as lock:
            platforms.hold(lock.fileno())
            with suppress(DeserializationError, StorageError):  # a test may have spoiled it: this one signs a new one
                served = Metadata[Timestamp].from_file(str(self._metadata / "timestamp.json"))
                if served.signed.version > self._timestamp.signed.version:
                    self._load()
            yield

    def _due(self) -> bool:
        now = utc(self._clock.time())
        with self._lock:
            roles = (self._root, self._targets, self._snapshot, self._timestamp, self._releases)
            return any(role is not None and _is_due(role.signed, now) for role in roles)

    def _load(self) -> None:
        roots = [int(found[1]) for path in self._metadata.iterdir() if (found := _VERSIONED_ROOT.fullmatch(path.name))]
        self._root = Metadata[Root].from_file(str(self._metadata / f"{max(roots)}.root.json"))
        self._timestamp = Metadata[Timestamp].from_file(str(self._metadata / "timestamp.json"))
        version = self._timestamp.signed.snapshot_meta.version
        self._snapshot = Metadata[Snapshot].from_file(str(self._metadata / f"{version}.snapshot.json"))
        version = self._snapshot.signed.meta["targets.json"].version
        self._targets = Metadata[Targets].from_file(str(self._metadata / f"{version}.targets.json"))
        listed = self._snapshot.signed.meta.get(f"{RELEASES_ROLE}.json")
        if listed is not None:
            path = self._metadata / f"{listed.version}.{RELEASES_ROLE}.json"
            self._releases = Metadata[Targets].from_file(str(path))

    def _delegate_releases(self) -> Metadata[Targets]:
        """Let a role of its own say what the releases are, which two keys sign (§4.5)."""
        role = DelegatedRole(RELEASES_ROLE, [], ROOT_KEYS, True, [RELEASES_TARGET])
        self._targets.signed.delegations = Delegations({}, {RELEASES_ROLE: role})
        for _ in range(ROOT_KEYS):
            self._targets.signed.add_key(self._keys.new().public_key, RELEASES_ROLE)
        self._releases = Metadata(Targets(expires=self._targets.signed.expires))
        return self._releases

    def _release_keys(self) -> list[str]:
        delegations = self._targets.signed.delegations
        roles = (delegations.roles if delegations else None) or {}
        return list(roles[RELEASES_ROLE].keyids)

    def _sign_releases(self) -> None:
        if self._releases is not None:
            content = self._sign(self._releases, self._release_keys())
            version = self._releases.signed.version
            write_private(self._metadata / f"{version}.{RELEASES_ROLE}.json", content)
            self._snapshot.signed.meta[f"{RELEASES_ROLE}.json"] = MetaFile.from_data(version, content, [_HASH])

    def _serve_target(self, target: TargetFile, content: bytes) -> None:
        folder, _, file = target.path.partition("/")
        (self._served / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._served / folder / f"{target.hashes[_HASH]}.{file}", content)

    def _sign_root(self, key_ids: Iterable[str]) -> None:
        content = self._sign(self._root, key_ids)
        write_private(self._metadata / f"{self._root.signed.version}.root.json", content)

    def _sign_from(self, role: str) -> None:
        """Sign a new version of ``role`` and of what names it, and serve them, the timestamp last (§6.2)."""
        if role == Targets.type:
            content = self._sign(self._targets, self._of(Targets.type))
            version = self._targets.signed.version
            write_private(self._metadata / f"{version}.targets.json", content)
            self._snapshot.signed.meta["targets.json"] = MetaFile.from_data(version, content, [_HASH])
        if role in (Targets.type, Snapshot.type):
            content = self._sign(self._snapshot, self._of(Snapshot.type))
            version = self._snapshot.signed.version
            write_private(self._metadata / f"{version}.snapshot.json", content)
            self._timestamp.signed.snapshot_meta = MetaFile.from_data(version, content, [_HASH])
        write_private(self._metadata / "timestamp.json", self._sign(self._timestamp, self._of(Timestamp.type)))

    def _of(self, role: str) -> Iterable[str]:
        return self._root.signed.roles[role].keyids

    def _sign(self, metadata: Metadata[T], key_ids: Iterable[str]) -> bytes:
        signed = metadata.signed
        if metadata.signatures:
            signed.version += 1
        signed.expires = utc(int(self._clock.time())) + _LIFETIMES[signed.type]
        metadata.signatures.clear()
        for key_id in key_ids:
            metadata.sign(self._keys.signer(key_id), append=True)
        return metadata.to_bytes()


def _is_due(signed: Root | Targets | Snapshot | Timestamp, now: datetime) -> bool:
    return signed.expires - now < _LIFETIMES[signed.type] / 2
