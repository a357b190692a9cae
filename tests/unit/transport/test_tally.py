"""The ledger added up in one pass comes to what its entries say."""

from __future__ import annotations

from datetime import UTC, date, datetime

from rocketvpn_sdk.transport.tally import tally

MONDAY = datetime(2026, 11, 16, tzinfo=UTC).timestamp()
DAY = 86_400


def begun(
    record_id: str, operation: str = "order.read", purpose: str = "service", fields: tuple[str, ...] = ()
) -> list:
    return ["begun", record_id, operation, purpose, "operator", "device", list(fields), 2, "00"]


def test_calls_are_added_up_by_operation():
    records = [
        (MONDAY, begun("a", fields=("device_id",))),
        (MONDAY + 1, ["ended", "a", "200", 1]),
        (MONDAY + 2, begun("b", fields=("order_number",))),
        (MONDAY + 3, begun("c", operation="data.view", purpose="rights")),
        (MONDAY + 4, ["ended", "b", "not delivered: server-unreachable", 3]),
        (MONDAY + 5, begun("d", operation="data.view", purpose="rights")),
        (MONDAY + 6, ["ended", "c", "no answer: timed-out", 1]),
        (MONDAY + 7, ["ended", "from-before", "not delivered: timed-out", 1]),
    ]
    found = tally(iter(records)).operations
    order, view = found["order.read"], found["data.view"]
    assert (order.times, order.not_delivered, order.fields) == (2, 1, {"device_id", "order_number"})
    assert (order.first, order.last) == (MONDAY, MONDAY + 2)
    assert (view.times, view.not_delivered, view.purpose, view.recipient) == (2, 0, "rights", "operator")


def test_weeks_begin_on_mondays():
    at = {"sunday": MONDAY - 1, "monday": MONDAY, "later": MONDAY + 7 * DAY - 1, "next": MONDAY + 7 * DAY}
    found = tally((time, begun(name)) for name, time in at.items()).weeks
    assert found == {
        (date(2026, 11, 9), "service"): 1,
        (date(2026, 11, 16), "service"): 2,
        (date(2026, 11, 23), "service"): 1,
    }


def test_an_empty_ledger_adds_up_to_nothing():
    found = tally(())
    assert (found.operations, found.weeks) == ({}, {})
