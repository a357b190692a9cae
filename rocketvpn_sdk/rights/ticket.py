"""The panic ticket: a code on paper with which one's data can be erased, once, without the device or the app.

It holds the server's address, what it erases, 160 random bits and a checksum over all of it. The server knows it by a
fingerprint; this device keeps nothing of it. Where the app pins keys or takes TLS 1.2, the ticket says so behind the
code, so that its user connects as the app would; the server is never sent that part. A proxy is not in it: that
belongs to the place where it is used.
"""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rocketvpn_sdk import wire
from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.crockford import ALPHABET, decoded, encoded, groups, letters_for
from rocketvpn_sdk.crockford import typed as typed_letters
from rocketvpn_sdk.entered import plain
from rocketvpn_sdk.errors import ConfigurationError, ValueRefused
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.transport.pins import FEWEST
from rocketvpn_sdk.transport.requests import parse_server

if TYPE_CHECKING:
    import segno

SCHEME = "rocketvpn-erase:"

_VERSION = 1
_SCOPES: tuple[wire.TicketScope, ...] = ("device", "account")
_SECRET, _CHECKSUM = 20, 4
_BYTES = 1 + _SECRET + _CHECKSUM
_LETTERS = _BYTES * 8 // 5
_LONGEST = 1000
_WAY, _TLS12, _PIN = 1 << 4, 1, 32
"""The part behind the code: its version, the bit that allows TLS 1.2, and the bytes of a pin."""
_MOST_PINS = 8
"""A ticket may have to be typed."""
_PREFIX = "sha256/"
_UNKNOWN = "it is of a kind that this version of the software does not know"
_QUOTES = "\"'`“”„‘’«»"


class PanicTicket(SecretStruct, frozen=True, kw_only=True):
    """A ticket to be printed or written down now: it is shown once, and not kept here."""

    __masked__: ClassVar[tuple[str, ...]] = ("code",)

    server: str
    """``https://host[:port]``, where it works."""
    scope: wire.TicketScope
    """What it erases: ``device`` (the one that made it) or ``account``."""
    code: str
    """40 characters of Crockford's base32; anyone who has them can use the ticket."""
    pins: tuple[str, ...] = ()
    """As in ``Config``: the keys that the server's chain must have one of."""
    allow_tls12: bool = False
    """As in ``Config``."""

    @property
    def ticket_id(self) -> str:
        """Its number, by which it can be revoked: the SHA-256 of its code, in hexadecimal digits."""
        return hashlib.sha256(self.code.encode()).hexdigest()

    @property
    def groups(self) -> tuple[str, ...]:
        """The code, and what is behind it, in groups of four, as it is read aloud or typed."""
        return groups(self._letters)

    @property
    def text(self) -> str:
        """All of it, as it is typed: the server's address, a stroke, and the groups."""
        return f"{self.server.removeprefix('https://')}/{'-'.join(self.groups)}"

    @property
    def url(self) -> str:
        """What the QR code holds. No web address, so that a camera does not hand it to a search engine."""
        return f"{SCHEME}{self.server.removeprefix('https://')}/{self._letters}"

    @property
    def _letters(self) -> str:
        if not self.pins and not self.allow_tls12:
            return self.code
        way = bytes([_WAY | (_TLS12 if self.allow_tls12 else 0)])
        way += b"".join(base64.b64decode(pin.removeprefix(_PREFIX)) for pin in self.pins)
        return self.code + encoded(way + _checksum(f"{self.server}/{self.code}", way))

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


def new_ticket(
    server: str, scope: wire.TicketScope, pins: Sequence[str] = (), *, allow_tls12: bool = False
) -> PanicTicket:
    """Return a new ticket for ``scope`` at ``server``; no server knows it yet.

    Raises:
        ConfigurationError: there are more pins than a ticket has room for.
    """
    if len(pins) > _MOST_PINS:
        raise ConfigurationError(problem=f"a ticket has room for {_MOST_PINS} pins, and there are {len(pins)}")
    head = bytes([_VERSION << 4 | _SCOPES.index(scope)]) + secrets.token_bytes(_SECRET)
    code = encoded(head + _checksum(server, head))
    return PanicTicket(server=server, scope=scope, code=code, pins=tuple(pins), allow_tls12=allow_tls12)


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
    letters = typed_letters(code)
    if len(letters) not in _LENGTHS or not set(letters) <= set(ALPHABET):
        more = " (more where the app pins keys or takes TLS 1.2)"
        raise _refused(f"after the stroke it has {_LETTERS} letters and digits{more}, and none of them is a U")
    try:
        server = parse_server(f"https://{host.lower()}")
    except ConfigurationError:
        raise _refused("what stands before the stroke is no server's address") from None
    code, behind = letters[:_LETTERS], letters[_LETTERS:]
    head = _checked(server, code)
    version, scope = head[0] >> 4, head[0] & 0xF
    if version != _VERSION or scope >= len(_SCOPES):
        raise _refused(_UNKNOWN)
    pins, allow_tls12 = _read_way(_checked(f"{server}/{code}", behind)) if behind else ((), False)
    return PanicTicket(server=server, scope=_SCOPES[scope], code=code, pins=pins, allow_tls12=allow_tls12)


def _read_way(way: bytes) -> tuple[tuple[str, ...], bool]:
    """Return the pins, and whether TLS 1.2 will do."""
    kind, keys = way[0], way[1:]
    if kind not in (_WAY, _WAY | _TLS12):
        raise _refused(_UNKNOWN)
    digests = (keys[start : start + _PIN] for start in range(0, len(keys), _PIN))
    return tuple(_PREFIX + base64.b64encode(digest).decode() for digest in digests), kind != _WAY


def _checked(about: str, letters: str) -> bytes:
    """Return the bytes that ``letters`` stand for, without their checksum, which covers ``about`` as well."""
    raw = decoded(letters)
    if raw is None:
        raise _refused("a character of it is not the one on the paper")
    content, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if _checksum(about, content) != checksum:
        raise _refused("a character of it, or of the address before it, is not the one on the paper")
    return content


def _refused(problem: str) -> ValueRefused:
    return ValueRefused(name="ticket", problem=problem)


def _checksum(server: str, head: bytes) -> bytes:
    """32 bits against slips of the pen; anyone who forges a ticket can forge it too, and gains nothing."""
    return hashlib.sha256(b"rocketvpn/ticket/1\0" + server.encode() + b"\0" + head).digest()[:_CHECKSUM]


_LENGTHS = {
    _LETTERS,
    *(_LETTERS + letters_for(1 + _PIN * pins + _CHECKSUM) for pins in (0, *range(FEWEST, _MOST_PINS + 1))),
}
