"""Notices of the operator."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from rocketvpn_sdk.policy_versions import OperatorNotice
from rocketvpn_sdk.policy_versions.operator_notices import HeldNotices
from rocketvpn_sdk.wire import ListedNotice, NoticeList

BREACH = ListedNotice(
    id="breach-2026-11",
    kind="breach",
    published=date(2026, 11, 20),
    title={"en": "A backup was copied.", "de": "Eine Sicherung wurde kopiert."},
    what={"en": "Somebody copied a backup with e-mail addresses on 18 November."},
    do={"en": "Watch out for e-mails that ask for a code."},
)
NOTICE_NOWHERE = OperatorNotice(
    id="nowhere",
    kind="breach",
    published=date(2026, 1, 1),
    language="en",
    title="",
    what="",
    do="",
    contact="",
    sha256="0" * 64,
    shown=False,
)
"""A notice that no operator signed."""


def told(*notices: ListedNotice) -> tuple[OperatorNotice, ...]:
    """Return notices as a report has them."""
    return HeldNotices(listed=notices).told("en", "https://contact.example")


def notice(**changes: Any) -> ListedNotice:
    """Return the notice with other values."""
    return msgspec.structs.replace(BREACH, **changes)


def noticed(*notices: ListedNotice) -> NoticeList:
    """Return a list of notices, ready to be signed."""
    return NoticeList(notices=notices or (BREACH,))
