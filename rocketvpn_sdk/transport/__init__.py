"""The calls to the server: the policy's guard, signatures, TLS with pins, and the ledger of what left.

Touches: network, disk, ``vault``. Start with ``api``.

On disk it reads the CA file of ``Config(trust=…)``. Importing it brings httpx, so import
it late where it is only sometimes needed.
"""

from rocketvpn_sdk.policy.own_calls import OWN_OPERATIONS
from rocketvpn_sdk.transport.api import Api, ApiAnswer
from rocketvpn_sdk.transport.api_builder import open_api
from rocketvpn_sdk.transport.interfaces import Documents, Stream
from rocketvpn_sdk.transport.order_changes import OrderChangePending
from rocketvpn_sdk.transport.owner import Owner
from rocketvpn_sdk.transport.pins import parse_pins, spki_pin
from rocketvpn_sdk.transport.proof import Prover
from rocketvpn_sdk.transport.receiving import Receiver
from rocketvpn_sdk.transport.revoked import BindingRevoked
from rocketvpn_sdk.transport.sent import SENT_KEY, SentEntry, SentLedger
from rocketvpn_sdk.transport.session import Session
from rocketvpn_sdk.transport.tls import tls_context
from rocketvpn_sdk.transport.values import check_value, checked_order_number

__all__ = [
    "OWN_OPERATIONS",
    "SENT_KEY",
    "Api",
    "ApiAnswer",
    "BindingRevoked",
    "Documents",
    "OrderChangePending",
    "Owner",
    "Prover",
    "Receiver",
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
