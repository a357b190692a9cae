"""The user's rights: see, correct, delete, and get it in writing."""

from rocketvpn_sdk.rights.delete import DeletionConfirmed
from rocketvpn_sdk.rights.kept import check_receipt_file, receipt_to_json
from rocketvpn_sdk.rights.outcome import Here, Outcome, Receipt, Server
from rocketvpn_sdk.rights.plan import DeletionPlan
from rocketvpn_sdk.rights.report import HeldValue, Report, SentSummary
from rocketvpn_sdk.rights.rights import Rights

__all__ = [
    "DeletionConfirmed",
    "DeletionPlan",
    "HeldValue",
    "Here",
    "Outcome",
    "Receipt",
    "Report",
    "Rights",
    "SentSummary",
    "Server",
    "check_receipt_file",
    "receipt_to_json",
]
