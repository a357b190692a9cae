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
    REQUEST_MEDIA,
    RESPONSE_MEDIA,
    GatewayKey,
    OpenedRequest,
    SealedRequest,
    seal_request,
)
from rocketvpn_sdk.oblivious.key_configuration import KEYS_MEDIA, KeyConfiguration
from rocketvpn_sdk.oblivious.reading import NotOblivious

__all__ = [
    "KEYS_MEDIA",
    "REQUEST_MEDIA",
    "RESPONSE_MEDIA",
    "BinaryRequest",
    "BinaryResponse",
    "GatewayKey",
    "KeyConfiguration",
    "NotOblivious",
    "OpenedRequest",
    "SealedRequest",
    "decode_request",
    "decode_response",
    "encode_request",
    "encode_response",
    "seal_request",
]
