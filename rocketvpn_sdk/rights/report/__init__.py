"""The report: what it is made of, where that comes from, and how it is shown."""

from rocketvpn_sdk.rights.report.model import (
    CAVEATS,
    NOT_ASKED,
    AppliedPolicy,
    ConsentStep,
    ConsentStory,
    Disclosed,
    HeldValue,
    LogSummary,
    PendingPolicy,
    Report,
    Requested,
    SentSummary,
    SentWeek,
    Term,
    Waiting,
)

__all__ = [
    "CAVEATS",
    "NOT_ASKED",
    "AppliedPolicy",
    "ConsentStep",
    "ConsentStory",
    "Disclosed",
    "HeldValue",
    "LogSummary",
    "PendingPolicy",
    "Report",
    "Requested",
    "SentSummary",
    "SentWeek",
    "Term",
    "Waiting",
]
