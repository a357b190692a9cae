"""The body of a download: written away piece by piece, and continued where an earlier try ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping

import httpx

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import DownloadFailed, RocketVPNError
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.failures import Failure

_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)")
"""``Content-Range`` (RFC 9110 §14.4)."""
_PARTIAL = 206


class Receiver:
    """Takes the body of one answer, which is (the rest of) a file.

    Args:
        first: bytes of the file that are here already: the answer has to begin behind them.
        size: bytes of the whole file.
        write: takes the bytes, a part of them at a time; what it raises ends the answer.
        limits: ``slowest_download`` bytes a second have to come, in every ``total_timeout`` seconds.
    """

    def __init__(self, *, first: int, size: int, write: Callable[[bytes], object], limits: Limits) -> None:
        self._first = first
        self._left = size - first
        self._size = size
        self._write = write
        self._window = limits.total_timeout
        self._least = int(limits.slowest_download * limits.total_timeout)

    @property
    def headers(self) -> dict[str, str]:
        """What asks for the rest of the file (RFC 9110 §14.2); nothing where all of it is wanted."""
        return {"Range": f"bytes={self._first}-"} if self._first else {}

    def takes(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether an answer is a file at all: no refusal, and no page of a network that wants its user to sign in."""
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        return status in (200, _PARTIAL) and media == wire.BYTES

    def receive(self, status: int, headers: Mapping[str, str], body: Iterable[bytes]) -> None:
        """Write the body away.

        Raises:
            Failure: the answer is not (the rest of) this file, or ``write`` raised an error of ours.
            httpx.TransportError: the answer ended early, or comes too slowly.
        """
        try:
            self._check(status, headers)
            self._take(body)
        except RocketVPNError as error:
            raise Failure(error, sent=True, retry=False) from None

    def _check(self, status: int, headers: Mapping[str, str]) -> None:
        if status == _PARTIAL:
            found = _RANGE.fullmatch(headers.get("content-range", ""))
            if found is None or int(found[1]) != self._first:
                raise DownloadFailed(cause="ranges")
            if int(found[2]) != self._size - 1 or found[3] not in ("*", str(self._size)):
                raise DownloadFailed(cause="length")
        elif self._first:
            raise DownloadFailed(cause="ranges")
        announced = headers.get("content-length", "")
        if announced and announced != str(self._left):
            raise DownloadFailed(cause="length")

    def _take(self, body: Iterable[bytes]) -> None:
        began, came = time.monotonic(), 0
        deadline.begin_again(2 * self._window)  # the body may be long; what came before it had the time of any call
        for piece in body:
            self._left -= len(piece)
            if self._left < 0:
                raise DownloadFailed(cause="length")
            self._write(piece)
            came += len(piece)
            now = time.monotonic()
            if now - began >= self._window:
                if came < self._least:
                    raise httpx.ReadTimeout("too slow")
                began, came = now, 0
                deadline.begin_again(2 * self._window)
        if self._left:
            raise httpx.RemoteProtocolError("peer closed connection")
