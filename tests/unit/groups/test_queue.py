"""What may be cancelled: nothing with which a right would go."""

from __future__ import annotations

from typing import Any

import pytest

from rocketvpn_sdk.groups.queue import why_not
from rocketvpn_sdk.vault import QueueItem


def item(operation: str, **more: Any) -> QueueItem:
    arguments = {"body": {}, "created_at": 1.0, "idempotency_key": "k"} | more
    return QueueItem(id="a", operation=operation, **arguments)


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (item("consents.put", body={"state": "withdrawn"}), "you said no"),
        (item("consents.put", body={"state": "unset"}), "you said no"),
        (item("consents.put", body={"state": "granted"}), "take the consent back"),
        (item("guardian.withdraw"), "guardian"),
        (item("rights.request", body={"scope": "account"}), "forget_now"),
        (item("rights.request", body={"scope": "device"}), "forget_now"),
        (item("rights.request", body={"scope": "logs"}, state="accepted"), "already"),
    ],
)
def test_what_would_lose_a_right_cannot_be_cancelled(waiting: QueueItem, said: str) -> None:
    assert said in why_not(waiting)


@pytest.mark.parametrize(
    "waiting",
    [
        item("rights.request", body={"scope": "logs"}),
        item("rights.request", body={"scope": "logs"}, state="refused"),
        item("consents.put", body={"state": "granted"}, state="refused", superseded=True),
    ],
)
def test_the_rest_can(waiting: QueueItem) -> None:
    assert why_not(waiting) == ""
