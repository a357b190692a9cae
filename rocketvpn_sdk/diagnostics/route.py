"""Which relay and which key: from the operator's signed files, so that every device has the same."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk.errors import ConfigurationError, UpdateRefused
from rocketvpn_sdk.text import translate
from rocketvpn_sdk.wire import OBLIVIOUS_TARGET, ObliviousGateway

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files import TrustedFiles
    from rocketvpn_sdk.transport.oblivious import ObliviousRoute

_UNREADABLE = "the file that names the relay does not follow the contract"


def route_from(files: TrustedFiles) -> ObliviousRoute:
    """Return where sealed messages go, by the signed files that were verified last; those that are too old are renewed.

    Raises:
        UpdateRefused: the operator names no relay (``not-found``), or the file cannot be trusted.
        RocketVPNError: as ``TrustedFiles.read`` and ``refresh``.
    """
    try:
        content = files.read(OBLIVIOUS_TARGET)
    except UpdateRefused:
        files.refresh()
        content = files.read(OBLIVIOUS_TARGET)
    return parse_route(content)


def parse_route(content: bytes) -> ObliviousRoute:
    """Return what a signed file says.

    Raises:
        UpdateRefused: it does not follow the contract, or has no key that this software speaks.
    """
    from rocketvpn_sdk.oblivious import first_key
    from rocketvpn_sdk.transport.oblivious import ObliviousRoute
    from rocketvpn_sdk.transport.requests import parse_server

    try:
        named = msgspec.json.decode(content, type=ObliviousGateway)
        return ObliviousRoute(parse_server(named.relay), first_key(b64decode(named.keys, validate=True)))
    except (ValueError, ConfigurationError):  # msgspec's, base64's and ours are ValueErrors
        raise UpdateRefused(reason="tampered", problem=translate(_UNREADABLE)) from None
