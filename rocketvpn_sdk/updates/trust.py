"""The operator's signed files, verified by The Update Framework (TUF) from a root that ships with the app (X1, U4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rocketvpn_sdk.errors import RocketVPNError, ValueRefused, VaultError
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.updates.evidence import Vouched, evidence_of
from rocketvpn_sdk.updates.kept import Kept, collect, lay_out
from rocketvpn_sdk.updates.place import Place, held

if TYPE_CHECKING:
    from rocketvpn_sdk.transport.ports import Fetch

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
            UpdateRefused: there is no such file (``not-found``), it is longer than ``limits.max_response_bytes``
                (``oversize``), what came is not it (``tampered``), or the metadata has ``expired``.
            RocketVPNError: as ``refresh``.
        """
        _check_path(path)
        with held(self._folder, self._limits.total_timeout) as place:
            kept = place.load()
            if not kept.good:
                kept = self._refresh(place)
            return self._read(place, kept, path)

    def vouched(self, path: str) -> Vouched:
        """Refresh, and return the signed file ``path`` with what shows later, without a network, that it is one.

        Raises:
            RocketVPNError: as ``refresh`` and ``read``.
        """
        _check_path(path)
        with held(self._folder, self._limits.total_timeout) as place:
            kept = self._refresh(place)
            return Vouched(content=self._read(place, kept, path), evidence=evidence_of(kept))

    def _refresh(self, place: Place) -> Kept:
        from rocketvpn_sdk.transport import deadline
        from rocketvpn_sdk.updates import workflow

        before = place.load()
        work = place.new_work()
        try:
            with deadline.within(self._limits.total_timeout), workflow.translated(self._folder):
                lay_out(work, before.roots, before.seen)
                client = workflow.Client(
                    work=work,
                    root=self._root,
                    metadata=workflow.metadata_from(self._fetch),
                    targets=workflow.targets_from(self._fetch),
                    now=self._now(),
                )
                client.refresh()
                roots, metadata = collect(work)
        except RocketVPNError:
            # What was verified before it failed still counts: new roots, and versions that must not be undercut.
            with suppress(VaultError, OSError):
                roots, seen = collect(work)
                self._save(place, before, Kept(roots=roots, good=before.good, seen=seen))
            raise
        after = Kept(roots=roots, good=metadata, seen=metadata)
        self._save(place, before, after)
        place.forget_targets(client.paths())
        return after

    def _save(self, place: Place, before: Kept, after: Kept) -> None:
        if after != before:
            place.save(after)

    def _read(self, place: Place, kept: Kept, path: str) -> bytes:
        from rocketvpn_sdk.transport import deadline
        from rocketvpn_sdk.updates import workflow

        most = self._limits.max_response_bytes
        work = place.new_work()
        with deadline.within(self._limits.total_timeout), workflow.translated(self._folder):
            lay_out(work, kept.roots, kept.good)
            client = workflow.Client(
                work=work,
                root=self._root,
                metadata=workflow.kept_metadata(kept.good),
                targets=workflow.targets_from(self._fetch),
                now=self._now(),
            )
            info = client.find(path, at_most=most)
            content = place.target(path, info.length + 1)
            if not workflow.is_genuine(info, content):
                content = Path(client.download_target(info, str(work / "target"))).read_bytes()
                place.keep_target(path, content)
            return content


def _check_path(path: str) -> None:
    if not _PATH.fullmatch(path):
        raise ValueRefused(name="path", problem="a signed file is named folder/file")
