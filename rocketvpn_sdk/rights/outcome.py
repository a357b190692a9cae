"""The one shape in which rights answer: what is done here, and what the server has said so far."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.signed_files.evidence import Evidence

ServerState = Literal[
    "not_needed",
    "waiting_for_connection",
    "waiting_for_user",
    "in_progress",
    "confirmed",
    "refused",
]


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """What was done on this device. It is done when the call returns, offline too."""

    done: bool
    at: datetime
    keys_destroyed: int = 0
    rotation_owed: bool = False
    """The keys are dropped; a secret store or a disk that failed kept their root from being put out of reach too."""
    keeps_deleted: str = ""
    """The program behind the secret store, if it is known to keep what is deleted from it (KeePassXC's recycle bin): as
    long as it does, a copy of the folder from before opens."""


class Receipt(MaskedRepr, frozen=True, kw_only=True):
    """The operator's signed word about an erasure, with what it takes to check it again later."""

    __masked__: ClassVar[tuple[str, ...]] = ("token",)

    token: str
    """The JWS as the server sent it."""
    keys: str
    """The JWK set it was checked against, as it was published."""
    claims: wire.ReceiptClaims
    vouched_by: Literal["tuf", "tls"] = "tls"
    """What says that the keys are the operator's: its signed files, so that it can be checked again whenever
    (``check_receipt_file``); or the connection they came over, which nobody can check afterwards."""
    evidence: Evidence | None = None
    """With ``tuf``: the signed metadata that names the keys."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What the server has said so far."""

    state: ServerState
    problem: str | None = None
    """The code of the last error. With ``confirmed``: of what kept the vault's last file or secret from being removed
    here; ``forget_now`` or the next opening goes on with that."""
    request_id: str | None = None
    receipt: Receipt | None = None
    waits_until: datetime | None = None
    """The order has no confirmed address, so nobody could be asked for a code. With ``in_progress``: it is carried
    out, or counts, then, unless a device of the order calls it off."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a right."""

    here: Here
    server: Server
