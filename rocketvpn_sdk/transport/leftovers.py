"""Whether a connection has bytes that belong to no answer; such a one is never used again.

What stands behind an answer (a body longer than was said, one where none may be, a second answer) would be read as the
beginning of the next one, and its author would answer for the server. What a connection's TLS or its system
still holds unread, httpcore looks for before it uses it again (``is_readable``); what has been read already, it does
not look for.
"""

from __future__ import annotations

import ssl

import httpcore


def left_over(answer: httpcore.Response) -> bool:
    """Whether something was read behind ``answer``, whose body was read to its end or will not be read.

    Also true where that cannot be told: the parser is not public, and should it move, no connection is used twice.
    """
    try:
        parser = answer.stream._stream._connection._h11_state  # type: ignore[union-attr] # noqa: SLF001 - see above
        behind, _ = parser.trailing_data
    except AttributeError:
        return True
    stream = answer.extensions.get("network_stream")
    return bool(behind) or stream is None or _holds_records(stream.get_extra_info("ssl_object"))


def _holds_records(tls: object) -> bool:
    """Whether TLS inside a proxy's TLS has whole records: its bytes are read off the socket before it asks for them."""
    if not isinstance(tls, ssl.SSLObject):
        return False
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except (OSError, ValueError):  # ended, broken, or the time is over
        return True
    return True
