"""Oblivious HTTP (RFC 9458) over binary HTTP (RFC 9292): a relay passes on messages that it cannot read. Pure.

Touches: nothing. Start with ``encapsulation``.
"""

from rocketvpn_sdk.oblivious.binary_http import (
    BinaryRequest,
    BinaryResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from rocketvpn_sdk.oblivious.encapsulation import (
    GatewayKey,
    OpenedRequest,
    SealedRequest,
    seal_request,
)
from rocketvpn_sdk.oblivious.key_configuration import KeyConfiguration, encode_keys, first_key
from rocketvpn_sdk.oblivious.reading import NotOblivious

__all__ = [
    "BinaryRequest",
    "BinaryResponse",
    "GatewayKey",
    "KeyConfiguration",
    "NotOblivious",
    "OpenedRequest",
    "SealedRequest",
    "decode_request",
    "decode_response",
    "encode_keys",
    "encode_request",
    "encode_response",
    "first_key",
    "seal_request",
]
