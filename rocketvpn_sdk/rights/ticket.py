"""The panic ticket: a code on paper with which one's data can be erased, once, without the device or the app.

It holds the server's address, what it erases, 160 random bits and a checksum over all of it. The server knows it by a
fingerprint; this device keeps nothing of it.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rocketvpn_sdk import wire
from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.entered import plain
from rocketvpn_sdk.errors import ConfigurationError, ValueRefused
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.transport.requests import parse_server

if TYPE_CHECKING:
    import segno

SCHEME = "rocketvpn-erase:"

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no letter that is read as another or as a digit."""
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_VERSION = 1
_SCOPES: tuple[wire.TicketScope, ...] = ("device", "account")
_SECRET, _CHECKSUM = 20, 4
_BYTES = 1 + _SECRET + _CHECKSUM
_LETTERS = _BYTES * 8 // 5
_GROUP = 4
_LONGEST = 400
_QUOTES = "\"'`“”„‘’«»"


class PanicTicket(SecretStruct, frozen=True, kw_only=True):
    """A ticket to be printed or written down now: it is shown once, and not kept here."""

    __masked__: ClassVar[tuple[str, ...]] = ("code",)

    server: str
    """``https://host[:port]``, where it works."""
    scope: wire.TicketScope
    """What it erases: ``device`` (the one that made it) or ``account``."""
    code: str
    """40 characters of Crockford's base32; whoever has them can use the ticket."""

    @property
    def ticket_id(self) -> str:
        """Its number, by which it can be revoked: the SHA-256 of its code, in hexadecimal digits."""
        return hashlib.sha256(self.code.encode()).hexdigest()

    @property
    def groups(self) -> tuple[str, ...]:
        """The code in groups of four, as it is read aloud or typed."""
        return tuple(self.code[start : start + _GROUP] for start in range(0, _LETTERS, _GROUP))

    @property
    def text(self) -> str:
        """All of it, as it is typed: the server's address, a stroke, and the groups."""
        return f"{self.server.removeprefix('https://')}/{'-'.join(self.groups)}"

    @property
    def url(self) -> str:
        """What the QR code holds. No web address, so that a camera does not hand it to a search engine."""
        return f"{SCHEME}{self.server.removeprefix('https://')}/{self.code}"

    def svg(self) -> str:
        """Return the QR code as an SVG document, black on white, with the margin that a reader needs."""
        out = io.BytesIO()
        self._qr().save(out, kind="svg", scale=4, border=4, light="#fff", xmldecl=False, nl=False)
        return out.getvalue().decode()

    def terminal(self, *, on_dark: bool = True) -> str:
        """Return the QR code in block characters, two rows a line.

        Args:
            on_dark: drawn in light on a dark terminal; ``False``: in black on paper.
        """
        rows = [[bool(module) != on_dark for module in row] for row in self._qr().matrix_iter(border=2)]
        rows += [[on_dark] * len(rows[0])] * (len(rows) % 2)
        blocks = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
        return "\n".join(
            "".join(blocks[pair] for pair in zip(upper, lower, strict=True))
            for upper, lower in zip(rows[::2], rows[1::2], strict=True)
        )

    def _qr(self) -> segno.QRCode:
        with loading(Path(__file__).parent):
            import segno

        # In capitals, which need less room in a QR code; read_ticket takes both.
        return segno.make(self.url.upper(), error="m", micro=False)


def new_ticket(server: str, scope: wire.TicketScope) -> PanicTicket:
    """Return a new ticket for ``scope`` at ``server``; no server knows it yet."""
    head = bytes([_VERSION << 4 | _SCOPES.index(scope)]) + secrets.token_bytes(_SECRET)
    return PanicTicket(server=server, scope=scope, code=_encoded(head + _checksum(server, head)))


@checked
def read_ticket(text: str) -> PanicTicket:
    """Return the ticket that somebody typed or scanned; opens no connection.

    Small letters, missing hyphens, other dashes, spaces, and O, I or L for 0 and 1 do no harm.

    Raises:
        ValueRefused: it is none; a character that is wrong, in the address too, is found out here.
    """
    typed = "".join(plain(text[:_LONGEST]).split()).strip(_QUOTES)
    if typed.lower().startswith(SCHEME):
        typed = typed[len(SCHEME) :]
    host, stroke, code = typed.rpartition("/")
    if not stroke or not host:
        raise _refused("it begins with the server's address and a stroke, as it stands on the paper")
    letters = "".join(letter for letter in code.upper() if letter.isalnum()).translate(_READ_AS)
    if len(letters) != _LETTERS or not set(letters) <= set(_ALPHABET):
        raise _refused(f"after the stroke it has {_LETTERS} letters and digits, and none of them is a U")
    try:
        server = parse_server(f"https://{host.lower()}")
    except ConfigurationError:
        raise _refused("what stands before the stroke is no server's address") from None
    head, checksum = _split(letters)
    if _checksum(server, head) != checksum:
        raise _refused("a character of it, or of the address before it, is not the one on the paper")
    version, scope = head[0] >> 4, head[0] & 0xF
    if version != _VERSION or scope >= len(_SCOPES):
        raise _refused("it is of a kind that this version of the software does not know")
    return PanicTicket(server=server, scope=_SCOPES[scope], code=letters)


def _refused(problem: str) -> ValueRefused:
    return ValueRefused(name="ticket", problem=problem)


def _checksum(server: str, head: bytes) -> bytes:
    """32 bits against slips of the pen; whoever forges a ticket can forge it too, and gains nothing."""
    return hashlib.sha256(b"rocketvpn/ticket/1\0" + server.encode() + b"\0" + head).digest()[:_CHECKSUM]


def _encoded(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LETTERS)))


def _split(letters: str) -> tuple[bytes, bytes]:
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    raw = number.to_bytes(_BYTES, "big")
    return raw[:-_CHECKSUM], raw[-_CHECKSUM:]
