"""Captures packets on the loopback device, and takes them apart: IPv4 and TCP, no more."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import NamedTuple, Self

_EVERY_PROTOCOL = 0x0003
_ETHERNET, _TCP = 14, 6


class Packet(NamedTuple):
    """A TCP segment."""

    source: str
    source_port: int
    target: str
    target_port: int
    content: bytes


class Capture:
    """Captures while the ``with`` block runs; ``packets`` are what was seen."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._done = threading.Event()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(_EVERY_PROTOCOL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind(("lo", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while select.select([self._socket], [], [], 0.3)[0] or not self._done.is_set():
            with suppress(BlockingIOError):
                packet = parsed(self._socket.recv(1 << 17, socket.MSG_DONTWAIT))
                if packet is not None:
                    self.packets.append(packet)


def parsed(frame: bytes) -> Packet | None:
    """Return the TCP segment in an Ethernet frame; ``None``: there is none."""
    packet = frame[_ETHERNET:]
    if frame[12:14] != b"\x08\x00" or packet[9] != _TCP:
        return None
    head = 4 * (packet[0] & 0x0F)
    segment = packet[head : int.from_bytes(packet[2:4], "big") or None]
    ports = int.from_bytes(segment[0:2], "big"), int.from_bytes(segment[2:4], "big")
    content = segment[4 * (segment[12] >> 4) :]
    return Packet(socket.inet_ntoa(packet[12:16]), ports[0], socket.inet_ntoa(packet[16:20]), ports[1], content)
