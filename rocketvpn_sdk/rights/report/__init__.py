"""The report: what it is made of, where that comes from, and how it is shown."""

from rocketvpn_sdk.rights.report.model import (
    CAVEATS,
    AppliedPolicy,
    ConsentStep,
    ConsentStory,
    HeldValue,
    LogSummary,
    PendingPolicy,
    Safeguard,
    SentSummary,
    SentWeek,
    Term,
    Waiting,
)
from rocketvpn_sdk.rights.report.report import Report

__all__ = [
    "CAVEATS",
    "AppliedPolicy",
    "ConsentStep",
    "ConsentStory",
    "HeldValue",
    "LogSummary",
    "PendingPolicy",
    "Report",
    "Safeguard",
    "SentSummary",
    "SentWeek",
    "Term",
    "Waiting",
]
