"""Crockford's base32: bytes as letters and digits that people can read aloud, type and copy from paper.

Touches: nothing. Start with ``encoded``.
"""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No letter that is read as another or as a digit."""
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_GROUP = 4


def letters_for(size: int) -> int:
    """Return how many letters stand for ``size`` bytes."""
    return -(-size * 8 // 5)


def encoded(raw: bytes) -> str:
    """Return the letters that stand for ``raw``."""
    number = int.from_bytes(raw, "big")
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(letters_for(len(raw)))))


def decoded(letters: str) -> bytes | None:
    """Return what ``letters``, each of the alphabet, stand for; ``None``: no bytes are written like that."""
    number = 0
    for letter in letters:
        number = number << 5 | ALPHABET.index(letter)
    size = len(letters) * 5 // 8
    return None if number >> size * 8 else number.to_bytes(size, "big")  # the bits that are left over are 0


def typed(text: str) -> str:
    """Return the letters and digits of ``text`` in capitals, with O, I and L as the digits that they are read as."""
    return "".join(letter for letter in text.upper() if letter.isalnum()).translate(_READ_AS)


def groups(letters: str) -> tuple[str, ...]:
    """Return ``letters`` in groups of four."""
    return tuple(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))
