"""Reads bytes from the front, and never past the end; integers of variable length (RFC 9000, section 16)."""

from __future__ import annotations


class NotOblivious(ValueError):
    """Bytes are not what the RFC describes, or were altered, or were sealed for another key."""


class Reader:
    """Takes ``content`` apart, from its first byte on."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._content) - self._at

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            NotOblivious: there are fewer.
        """
        if count > self.left:
            raise NotOblivious("it is cut off")
        self._at += count
        return self._content[self._at - count : self._at]

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(self.left)

    def number(self, size: int) -> int:
        """Return the next ``size`` bytes as an unsigned integer."""
        return int.from_bytes(self.take(size), "big")

    def integer(self) -> int:
        """Return the next integer of variable length."""
        first = self.number(1)
        length = 1 << (first >> 6)
        return int.from_bytes(bytes([first & 0x3F]) + self.take(length - 1), "big")

    def chunk(self) -> bytes:
        """Return the bytes whose number stands before them."""
        return self.take(self.integer())


def integer(value: int) -> bytes:
    """Return ``value`` as an integer of variable length, in as few bytes as there can be."""
    for power in range(4):
        size = 1 << power
        if value < 1 << (8 * size - 2):
            return (value | power << (8 * size - 2)).to_bytes(size, "big")
    raise NotOblivious("the number is too large")


def chunk(content: bytes) -> bytes:
    """Return ``content`` with its length before it."""
    return integer(len(content)) + content
