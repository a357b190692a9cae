"""A file of a release at the operator's servers: fetched whole, in as many calls as it takes, and verified."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rocketvpn_sdk.errors import DownloadFailed, RateLimited, RocketVPNError, ServerError, TransportError

if TYPE_CHECKING:
    from rocketvpn_sdk.transport import Api
    from rocketvpn_sdk.wire import SignedFile

DOWNLOAD = "updates.download"
_UNREACHABLE = (TransportError, ServerError, RateLimited)
_THIS_SERVERS = frozenset({"changed", "length", "ranges", "missing"})
"""Causes of ``DownloadFailed`` that are the server's: a mirror may do better."""


class Sink:
    """Where a file goes, piece by piece; here into memory.

    ``have`` is how many bytes are there.
    """

    def __init__(self) -> None:
        self.content = bytearray()
        self.have = 0
        self.hashed = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        """Add ``piece``."""
        self.content += piece
        self.count(piece)

    def count(self, piece: bytes) -> None:
        """Add ``piece``, which is stored, to what is verified in the end."""
        self.hashed.update(piece)
        self.have += len(piece)

    def begin_again(self) -> None:
        """Drop what is there."""
        self.content.clear()
        self.hashed, self.have = hashlib.sha256(), 0

    def require(self, sha256: str) -> None:
        """Check that what is there is the file.

        Raises:
            DownloadFailed: it is not.
        """
        if self.hashed.hexdigest() != sha256:
            raise DownloadFailed(cause="changed")


class RemoteFile:
    """A file of a release.

    Args:
        api: the calls.
        path: the parameters of its address.
        signed: its length and SHA-256.
        mirrors: the origins of further servers that have it.
    """

    def __init__(self, api: Api, path: dict[str, str], signed: SignedFile, mirrors: Sequence[str]) -> None:
        self._api = api
        self._path = path
        self._servers: tuple[str | None, ...] = (None, *mirrors)
        self.signed = signed

    def complete(self, sink: Sink) -> None:
        """Fetch what ``sink`` does not have, and verify the whole; what one server cannot give, the next one is asked.

        Raises:
            DownloadFailed: no server has it as it was signed, or ``sink`` cannot take it.
            TransportError, ServerError, RateLimited: no server can be reached; what is there can be completed later.
            OperationUndeclared, EgressBlocked, VaultError: the calls may not go.
        """
        problems: list[RocketVPNError] = []
        for server in self._servers:
            continued = server is not None and sink.have > 0
            problem = self._try(server, sink)
            if continued and isinstance(problem, DownloadFailed) and not sink.have:  # the other server's part was wrong
                problem = self._try(server, sink)
            if problem is None:
                return
            problems.append(problem)
        raise max(reversed(problems), key=_weight)

    def _try(self, server: str | None, sink: Sink) -> RocketVPNError | None:
        """Fetch from one server and verify the whole; return what is the matter with the server, if anything is."""
        try:
            self._fetch(server, sink)
            sink.require(self.signed.sha256)
        except DownloadFailed as error:
            if error.cause not in _THIS_SERVERS:
                raise
            if error.cause != "missing":
                sink.begin_again()
            return error
        except _UNREACHABLE as error:
            return error
        return None

    def _fetch(self, server: str | None, sink: Sink) -> None:
        """Fetch from one server, again and again, as long as the calls bring enough."""
        from rocketvpn_sdk.transport import Receiver

        failures, limits = 0, self._api.limits
        enough = limits.slowest_download * limits.total_timeout
        while (first := sink.have) < self.signed.length:
            into = Receiver(first=first, size=self.signed.length, write=sink.write, limits=limits)
            try:
                if not self._api.download(DOWNLOAD, path=self._path, into=into, server=server):
                    raise DownloadFailed(cause="missing")
            except _UNREACHABLE as error:
                failures = 1 if sink.have - first >= enough else failures + 1
                if failures >= limits.retry_attempts or not self._api.pause(failures, error.retry_at):
                    raise


def _weight(error: RocketVPNError) -> int:
    """Return what of several servers' problems counts: a changed file is told, and what can go on later is kept."""
    if isinstance(error, DownloadFailed):
        return {"missing": 0, "changed": 3}.get(error.cause, 2)
    return 1
