"""Between the device and the server: connections that were there at some moment go wrong, and new ones work."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Relay:
    """Listens at ``port`` and connects everybody to the server at port ``to``; ``made``: connections so far."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self.made = self.frozen = self._swallowed = 0
        self.swallowed = 0
        """How many were closed when they carried something."""
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Let what was connected before get no answer any more, as after a change of routes."""
        self.frozen = self.made

    def swallow(self) -> None:
        """Let what was connected before be closed when something is next said on it."""
        self._swallowed = self.made

    def close(self) -> None:
        self._shut([self._listening, *self._ends])
        for end in (self._listening, *self._ends):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket()
                far.connect(("127.0.0.1", self._to))  # not by a name: those lead to here
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(self.made, source, target), daemon=True).start()
                self.made += 1

    def _pump(self, number: int, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if number < self._swallowed:
                    self.swallowed += 1
                    self._shut([source, target])
                    return
                if number >= self.frozen:
                    target.sendall(data)
        if number >= self.frozen:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _shut(ends: list[socket.socket]) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
