"""The network: TLS with pins, proof of possession, tokens, the guard at the one way out, and the ledger of what left.

Importing it brings httpx; whoever needs it only sometimes imports it late.
"""

from rocketvpn_sdk.policy.own import OWN_OPERATIONS
from rocketvpn_sdk.transport.api import Answer, Api, DeviceRevokedNotice
from rocketvpn_sdk.transport.grants import Authenticator
from rocketvpn_sdk.transport.opening import open_api
from rocketvpn_sdk.transport.owner import Owner
from rocketvpn_sdk.transport.pins import parse_pins, spki_pin
from rocketvpn_sdk.transport.ports import Documents, Stream
from rocketvpn_sdk.transport.proof import Prover
from rocketvpn_sdk.transport.sent import SENT_KEY, SentEntry, SentLedger
from rocketvpn_sdk.transport.session import Session
from rocketvpn_sdk.transport.tls import tls_context
from rocketvpn_sdk.transport.values import check_value, checked_order_number

__all__ = [
    "OWN_OPERATIONS",
    "SENT_KEY",
    "Answer",
    "Api",
    "Authenticator",
    "DeviceRevokedNotice",
    "Documents",
    "Owner",
    "Prover",
    "SentEntry",
    "SentLedger",
    "Session",
    "Stream",
    "check_value",
    "checked_order_number",
    "open_api",
    "parse_pins",
    "spki_pin",
    "tls_context",
]
