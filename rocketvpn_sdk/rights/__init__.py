"""``rocket.rights``: see, correct, export and delete data, and learn who was told.

Touches: disk, ``vault``, ``transport``. Start with ``rights``.

On disk it writes exports and receipts, where the app or its user wants them.
"""

from rocketvpn_sdk.rights.delete import DeletionConfirmed
from rocketvpn_sdk.rights.disclosures import Disclosure
from rocketvpn_sdk.rights.erase import ErasureOutcome, erase_with_ticket
from rocketvpn_sdk.rights.export import ExportResult
from rocketvpn_sdk.rights.outcome import Here, Outcome, Receipt, Server
from rocketvpn_sdk.rights.owner import OwnerRights
from rocketvpn_sdk.rights.plan import DeletionPlan
from rocketvpn_sdk.rights.receipt_files import check_receipt_file, receipt_to_json
from rocketvpn_sdk.rights.recovery import RecoveryCode
from rocketvpn_sdk.rights.report import HeldValue, Report, SentSummary
from rocketvpn_sdk.rights.requests import DataRequest, RequestList
from rocketvpn_sdk.rights.rights import Rights
from rocketvpn_sdk.rights.ticket import PanicTicket, read_ticket

__all__ = [
    "DataRequest",
    "DeletionConfirmed",
    "DeletionPlan",
    "Disclosure",
    "ErasureOutcome",
    "ExportResult",
    "HeldValue",
    "Here",
    "Outcome",
    "OwnerRights",
    "PanicTicket",
    "Receipt",
    "RecoveryCode",
    "Report",
    "RequestList",
    "Rights",
    "SentSummary",
    "Server",
    "check_receipt_file",
    "erase_with_ticket",
    "read_ticket",
    "receipt_to_json",
]
