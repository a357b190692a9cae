"""Binary HTTP (RFC 9292): a request or a response as one block of bytes.

Written in the form of known length; read in both forms. Trailers and informational responses are read over: nothing
here has a use for them.
"""

from __future__ import annotations

import re
from typing import ClassVar

from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.oblivious.reading import NotOblivious, Reader, chunk, integer

_KNOWN_REQUEST, _KNOWN_RESPONSE, _OPEN_REQUEST, _OPEN_RESPONSE = range(4)
"""Framing indicators (section 3.3)."""

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_SCHEME = re.compile(rb"[a-z][a-z0-9+.-]{0,31}")
_AUTHORITY = re.compile(rb"[!-~]{0,261}")
_PATH = re.compile(rb"/[!-~]{0,2047}")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]{1,64}")
"""A header's name, in lower case (section 3.6); no pseudo-header, whose name begins with a colon."""
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
_MOST_HEADERS = 64

Headers = tuple[tuple[str, str], ...]


class BinaryRequest(SecretStruct, frozen=True, kw_only=True):
    """A request as it is sealed."""

    __masked__: ClassVar[tuple[str, ...]] = ("headers", "body")

    method: str
    scheme: str = "https"
    authority: str
    """The host, with its port unless that is 443; empty if a header ``host`` says it."""
    path: str
    headers: Headers = ()
    """Names in lower case."""
    body: bytes = b""


class BinaryResponse(SecretStruct, frozen=True, kw_only=True):
    """A response as it is sealed."""

    __masked__: ClassVar[tuple[str, ...]] = ("headers", "body")

    status: int
    headers: Headers = ()
    body: bytes = b""


def encode_request(request: BinaryRequest, *, padded: int = 0) -> bytes:
    """Return ``request`` in binary; with zeros behind it up to ``padded`` bytes, which hide its length (section 3.8).

    Raises:
        NotOblivious: a part of it has a form that no request has.
    """
    parts = (request.method, request.scheme, request.authority, request.path)
    control = [_bytes(part) for part in parts]
    _check_control(control)
    content = integer(_KNOWN_REQUEST) + b"".join(map(chunk, control)) + _encoded(request.headers, request.body)
    return content.ljust(padded, b"\0")


def encode_response(response: BinaryResponse, *, padded: int = 0) -> bytes:
    """Return ``response`` in binary; with zeros behind it up to ``padded`` bytes.

    Raises:
        NotOblivious: a part of it has a form that no response has.
    """
    if not 200 <= response.status < 600:
        raise NotOblivious("the status is none of a final response")
    content = integer(_KNOWN_RESPONSE) + integer(response.status) + _encoded(response.headers, response.body)
    return content.ljust(padded, b"\0")


def decode_request(content: bytes) -> BinaryRequest:
    """Return the request that ``content`` is.

    Raises:
        NotOblivious: it is none.
    """
    reader = Reader(content)
    framing = reader.integer()
    if framing not in (_KNOWN_REQUEST, _OPEN_REQUEST):
        raise NotOblivious("it is no request")
    control = [reader.chunk() for _ in range(4)]
    _check_control(control)
    headers, body = _sections(reader, known=framing == _KNOWN_REQUEST)
    method, scheme, authority, path = (part.decode("ascii") for part in control)
    return BinaryRequest(method=method, scheme=scheme, authority=authority, path=path, headers=headers, body=body)


def decode_response(content: bytes) -> BinaryResponse:
    """Return the final response that ``content`` is; informational ones before it are left out.

    Raises:
        NotOblivious: it is none.
    """
    reader = Reader(content)
    framing = reader.integer()
    if framing not in (_KNOWN_RESPONSE, _OPEN_RESPONSE):
        raise NotOblivious("it is no response")
    known = framing == _KNOWN_RESPONSE
    while 100 <= (status := reader.integer()) < 200:
        _headers(reader, known=known)
    if not 200 <= status < 600:
        raise NotOblivious("the status is none of a final response")
    headers, body = _sections(reader, known=known)
    return BinaryResponse(status=status, headers=headers, body=body)


# ---------------------------------------------------------------- inside


def _bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise NotOblivious("it has letters that HTTP does not have") from None


def _check_control(control: list[bytes]) -> None:
    forms = (_METHOD, _SCHEME, _AUTHORITY, _PATH)
    if not all(form.fullmatch(part) for form, part in zip(forms, control, strict=True)):
        raise NotOblivious("its method, scheme, authority or path has a form that none has")


def _encoded(headers: Headers, body: bytes) -> bytes:
    pairs = [(_bytes(name), _bytes(value)) for name, value in headers]
    for name, value in pairs:
        _check_header(name, value)
    section = b"".join(chunk(name) + chunk(value) for name, value in pairs)
    return chunk(section) + chunk(body) + chunk(b"")


def _check_header(name: bytes, value: bytes) -> None:
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        raise NotOblivious("a header has a form that none has")


def _sections(reader: Reader, *, known: bool) -> tuple[Headers, bytes]:
    """Return headers and content; what is missing at the end is empty (section 3.8)."""
    headers = _headers(reader, known=known) if reader.left else ()
    body = b""
    if reader.left:
        body = reader.chunk() if known else _open_content(reader)
    if reader.left:
        _headers(reader, known=known)
    if reader.rest().strip(b"\0"):
        raise NotOblivious("something other than zeros stands behind it")
    return headers, body


def _open_content(reader: Reader) -> bytes:
    parts = []
    while reader.left and (part := reader.chunk()):
        parts.append(part)
    return b"".join(parts)


def _headers(reader: Reader, *, known: bool) -> Headers:
    section = Reader(reader.chunk()) if known else reader
    found = []
    while section.left:
        name = section.chunk()
        if not name and not known:  # the end of the section (section 3.2)
            break
        value = section.chunk()
        _check_header(name, value)
        found.append((name.decode("ascii"), value.decode("latin-1")))
        if len(found) > _MOST_HEADERS:
            raise NotOblivious("it has too many headers")
    return tuple(found)
