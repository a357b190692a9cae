"""The operator's signed files, verified by The Update Framework (TUF) from a root that ships with the app (X1, U4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rocketvpn_sdk.errors import RocketVPNError, ValueRefused, VaultError
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.signed_files.evidence import Vouched, evidence_of
from rocketvpn_sdk.signed_files.folder import TrustedFolder, held
from rocketvpn_sdk.signed_files.metadata import TOP_LEVEL, KeptMetadata, MetadataStore, collect, lay_out, with_delegated

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files.workflow import Client, Download
    from rocketvpn_sdk.transport.interfaces import Fetch

_PATH = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,62}/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,62}")
"""``folder/file``: the only depth there is, so that each is one segment of the path that the guard lets through; with
the SHA-256 that comes before a file's name on the server, it stays within what a segment may have."""


class TrustedFiles:
    """Fetches and reads signed files. Thread-safe; several processes of one user may hold the same folder.

    Holds nothing in memory: every call verifies what it uses, from the embedded root on.

    Args:
        folder: where they rest; from ``beside``.
        trusted_root: the embedded root metadata.
        fetch: the one way out; ``Api.fetch``.
        now: returns seconds since the epoch by which metadata expires; ``Vault.fresh``: setting the clock back does not
            bring to life what a server showed to be old, and a clock that was ahead once makes nothing old.
        limits: the bounds: ``total_timeout`` holds over a whole call, ``max_response_bytes`` over a file.
    """

    def __init__(
        self, *, folder: Path, trusted_root: bytes, fetch: Fetch, now: Callable[[], float], limits: Limits
    ) -> None:
        self._folder = folder
        self._root = trusted_root
        self._fetch = fetch
        self._now = now
        self._limits = limits

    def refresh(self) -> None:
        """Fetch and verify the newest metadata (TUF §5.3 to §5.6); returns within twice ``limits.total_timeout``.

        After an error, what was trusted before still is, until it expires.

        Raises:
            UpdateRefused: what came cannot be trusted; ``reason`` says why.
            UpdateBusy: another process is at it.
            TransportError, ServerError, RateLimited, RequestRefused: nothing came.
            OperationUndeclared, EgressBlocked: the policy does not let the calls go.
            ConfigurationError: the embedded root is none.
            VaultError: the folder cannot be used, or the calls cannot be recorded.
        """
        with held(self._folder, self._limits.total_timeout) as place:
            self._refresh(place)

    def read(self, path: str) -> bytes:
        """Return the content of the signed file ``path``, by the metadata that was verified last.

        Without a connection, too, once the file was read under the same metadata, until that expires; then ``refresh``
        first. Where there was no ``refresh`` yet, it comes first by itself.

        Args:
            path: ``folder/file``.

        Raises:
            ValueRefused: ``path`` is not of that form.
            UpdateRefused: no such file is signed (``not-found``), it is signed and the server does not have it
                (``missing``), it is longer than ``limits.max_response_bytes`` (``oversize``), what came is not it
                (``tampered``), or the metadata has ``expired``.
            RocketVPNError: as ``refresh``.
        """
        return self.known(path).content

    def known(self, path: str) -> Vouched:
        """Return what ``read`` returns, and what it rests on: ``evidence.good_until`` says how long that holds.

        Raises:
            RocketVPNError: as ``read``.
        """
        _check_path(path)
        with held(self._folder, self._limits.total_timeout) as place:
            kept = place.load()
            if not kept.good.keys() >= TOP_LEVEL:
                kept = self._refresh(place)
            return self._read(place, kept, path)

    def vouched(self, path: str) -> Vouched:
        """Refresh, and return the signed file ``path`` with what shows later, without a network, that it is one.

        Raises:
            RocketVPNError: as ``refresh`` and ``read``.
        """
        _check_path(path)
        with held(self._folder, self._limits.total_timeout) as place:
            return self._read(place, self._refresh(place), path)

    def _refresh(self, place: TrustedFolder) -> KeptMetadata:
        from rocketvpn_sdk.signed_files import workflow
        from rocketvpn_sdk.transport import deadline

        before = place.load()
        store, work = MetadataStore(before.seen), place.new_work()
        try:
            with deadline.within(self._limits.total_timeout), workflow.translated(self._folder):
                client = self._client(work, before, store, workflow.metadata_from(self._fetch))
                client.refresh()
                roots = collect(work)
        except RocketVPNError:
            # What was verified before it failed still counts: new roots, and versions that must not be undercut.
            with suppress(VaultError, OSError):
                roots, seen = before.roots | collect(work), before.seen | store.used
                self._save(place, before, KeptMetadata(roots=roots, good=before.good, seen=seen))
            raise
        known = {name: content for name, content in before.good.items() if name in client.names()}
        after = KeptMetadata(roots=roots, good=with_delegated(store.used, known), seen=store.used)
        self._save(place, before, after)
        place.forget_targets({path for name in after.good for path in workflow.paths_in(after.good[name])})
        return after

    def _read(self, place: TrustedFolder, kept: KeptMetadata, path: str) -> Vouched:
        from rocketvpn_sdk.signed_files import workflow
        from rocketvpn_sdk.transport import deadline

        store, work = MetadataStore(kept.good), place.new_work()
        with deadline.within(self._limits.total_timeout), workflow.translated(self._folder):
            client = self._client(work, kept, store, workflow.delegated_from(self._fetch, store))
            try:
                info = client.find(path, at_most=self._limits.max_response_bytes)
            finally:
                # Also if it failed: a delegated role that was verified is not fetched again.
                good = with_delegated(kept.good, store.used, kept.good)
                self._save(place, kept, KeptMetadata(roots=kept.roots, good=good, seen=kept.seen))
            content = place.target(path, info.length + 1)
            if not workflow.is_genuine(info, content):
                content = Path(client.download_target(info, str(work / "target"))).read_bytes()
                place.keep_target(path, content)
            return Vouched(content=content, evidence=evidence_of(kept.roots, store.used))

    def _client(self, work: Path, kept: KeptMetadata, store: MetadataStore, metadata: Download) -> Client:
        from rocketvpn_sdk.signed_files import workflow

        lay_out(work, kept.roots)
        return workflow.Client(
            work=work,
            root=self._root,
            store=store,
            metadata=metadata,
            targets=workflow.targets_from(self._fetch),
            now=self._now(),
        )

    def _save(self, place: TrustedFolder, before: KeptMetadata, after: KeptMetadata) -> None:
        if after != before:
            place.save(after)


def _check_path(path: str) -> None:
    if not _PATH.fullmatch(path):
        raise ValueRefused(name="path", problem="a signed file is named folder/file")
