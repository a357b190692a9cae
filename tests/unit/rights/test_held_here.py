"""What the report lists of this device, document by document, with since when, until when and how many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from support.policies import NEWEST, renumbered
from support.vaults import UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.identity import BINDING, CREDENTIALS, PENDING, Binding, Credentials, DeviceKey, Pending
from rocketvpn_sdk.journal.inventory import FieldCount, Inventory, take_inventory
from rocketvpn_sdk.policy import bundled_policy, parse_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.policy_versions.state import Shown
from rocketvpn_sdk.rights.report import device
from rocketvpn_sdk.rights.report.describing import Describer
from rocketvpn_sdk.rights.report.model import HeldValue
from rocketvpn_sdk.transport.tally import tally
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.witness.record import Witnessed, WitnessedConnection

SAY = Describer((bundled_policy(),), "en")
START = 1_800_000_000.0
DAY = 86_400.0
BOUND = datetime(2027, 1, 10, tzinfo=UTC)
KEY = DeviceKey.generate()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with closing(open_vault(tmp_path / "vault", UnreliableSecrets())) as vault:
        yield vault


def listed(values: Iterable[HeldValue]) -> dict[str, tuple[Any, ...]]:
    """Return each field's value, count, since and until."""
    found = list(values)
    assert {each.place for each in found} <= {"device"}
    assert len({each.field for each in found}) == len(found)
    return {each.field: (each.value, each.count, each.since, each.until) for each in found}


# ---------------------------------------------------------------- what ties it to an order


@pytest.mark.clause("A1", "C1")
def test_a_bound_device_lists_its_order_and_the_names_of_its_secrets(vault: Vault) -> None:
    vault.put(BINDING, Binding(order_number="RV-1", device_id="D", bound_on=BOUND.date()))
    made = Credentials(device_id="D", private_key=KEY.to_bytes(), refresh_token="r", client_id="c")
    vault.put(CREDENTIALS, made)
    vault.put(
        PENDING, Pending(order_number="RV-2", device_id="E", private_key=KEY.to_bytes())
    )  # settled by the binding
    assert listed(device.account(SAY, vault)) == {
        "order_number": ("RV-1", None, BOUND, None),
        "bound_on": (BOUND.date(), None, BOUND, None),
        "device_id": ("D", None, BOUND, None),
        "device_public_key": (KEY.thumbprint, None, BOUND, None),
        "device_key": (None, None, BOUND, None),
        "session_token": (None, None, BOUND, None),
    }


@pytest.mark.clause("A1", "C1")
def test_a_binding_that_was_begun_is_listed_as_far_as_it_came(vault: Vault) -> None:
    assert listed(device.account(SAY, vault)) == {}
    vault.put(PENDING, Pending(order_number="RV-2", device_id="E", private_key=KEY.to_bytes()))
    assert listed(device.account(SAY, vault)) == {
        "order_number": ("RV-2", None, None, None),
        "device_id": ("E", None, None, None),
        "device_public_key": (KEY.thumbprint, None, None, None),
        "device_key": (None, None, None, None),
    }


# ---------------------------------------------------------------- versions of the policy


@pytest.mark.clause("A1", "X2")
def test_which_versions_are_known_and_were_shown_is_listed() -> None:
    binding = bundled_policy()
    pending = parse_policy(renumbered(NEWEST + 1))
    assert listed(device.versions(SAY, PolicyState(binding))) == {
        "policy_state": (f"version {NEWEST} applies", None, None, None)
    }
    shown = Shown(NEWEST + 1, "s", "de", START, frozenset())
    held = PolicyState(binding, pending, None, (shown,), frozenset({("a", "b", "c")}))
    assert listed(device.versions(SAY, held)) == {
        "policy_state": (
            f"version {NEWEST} applies, version {NEWEST + 1} is announced,"
            " what it newly needs was accepted ahead of its date", None, None, None,
        ),
        "notice_record": (f"version {NEWEST + 1}, in the language de", None, utc(START), None),
    }  # fmt: skip


# ---------------------------------------------------------------- the log


Row = tuple[float, int, Any]


def row(at: float, event: str = "an.event", purpose: str = "service", **fields: Any) -> Row:
    return (at, 0, (purpose, event, fields))


BLOCKS = [
    [row(START, region="de", level=None), row(START + 1, "log.message", level="INFO", region=None)],
    [
        row(START + 2, region=None),
        row(START + 3, region="se"),
        row(START + 4, "log.message", region=None, level="INFO"),
    ],
]


@pytest.mark.clause("A1")
def test_the_log_is_counted_field_by_field_without_what_is_empty() -> None:
    held = take_inventory(BLOCKS, 0)
    whole = FieldCount(5, START, START + 4)
    assert held == Inventory(
        records=5,
        oldest=utc(START),
        newest=utc(START + 4),
        by_event={"an.event": 3, "log.message": 2},
        fields={
            "region": FieldCount(2, START, START + 3),
            "level": FieldCount(2, START + 1, START + 4),
            "recorded_at": whole,
            "event_name": whole,
        },
        samples=(),
    )


@pytest.mark.parametrize("samples", range(8))
def test_the_newest_entries_are_samples_oldest_first(samples: int) -> None:
    times = [entry.at.timestamp() - START for entry in take_inventory(BLOCKS, samples).samples]
    assert times == [0, 1, 2, 3, 4][max(5 - samples, 0) :]
    entry = take_inventory(BLOCKS, 1).samples[0]
    assert (entry.event, entry.purpose, entry.fields) == ("log.message", "service", {"region": None, "level": "INFO"})


def test_an_empty_log_holds_nothing() -> None:
    held = take_inventory([], 5)
    assert held == Inventory(records=0, oldest=None, newest=None, by_event={}, fields={}, samples=())
    assert listed(device.log(SAY, held)) == {}


@pytest.mark.clause("A1", "R1")
def test_each_field_of_the_log_says_until_when_it_is_kept_at_most() -> None:
    assert listed(device.log(SAY, take_inventory(BLOCKS, 0))) == {
        "event_name": (None, 5, utc(START), utc(START + 4 + 30 * DAY)),
        "level": (None, 2, utc(START + 1), utc(START + 4 + 30 * DAY)),
        "recorded_at": (None, 5, utc(START), utc(START + 4 + 30 * DAY)),
        "region": (None, 2, utc(START), utc(START + 3 + 30 * DAY)),
    }


# ---------------------------------------------------------------- what is kept so that it can be checked


def begun(number: int, at: float, operation: str = "order.read", purpose: str = "service", *fields: str) -> Any:
    return at, ("begun", str(number), operation, purpose, "operator", "body", list(fields))


def ended(number: int, at: float, outcome: str) -> Any:
    return at, ("ended", str(number), outcome)


SUNDAY = datetime(2027, 1, 17, tzinfo=UTC)
LEDGER = [
    begun(1, SUNDAY.timestamp(), "order.read", "service", "order_number"),
    ended(1, SUNDAY.timestamp() + 1, "200"),
    begun(2, SUNDAY.timestamp() + DAY - 1, "order.read", "service", "device_id"),
    ended(2, SUNDAY.timestamp() + DAY, "not delivered: server-unreachable"),
    begun(3, SUNDAY.timestamp() + DAY, "data.view", "rights"),
    ended(9, SUNDAY.timestamp() + DAY, "not delivered: of a call that is not kept any more"),
    begun(4, SUNDAY.timestamp() + 7 * DAY, "order.read", "service"),
    ended(4, SUNDAY.timestamp() + 7 * DAY, "500"),
    ended(4, SUNDAY.timestamp() + 7 * DAY, "not delivered: said twice"),
]


@pytest.mark.clause("A1")
def test_the_ledger_is_added_up_by_operation_and_by_week() -> None:
    found = tally(LEDGER)
    order, view = found.operations["order.read"], found.operations["data.view"]
    assert (order.purpose, order.recipient, order.fields) == ("service", "operator", {"order_number", "device_id"})
    assert (order.times, order.not_delivered) == (3, 1)
    assert (order.first, order.last) == (SUNDAY.timestamp(), SUNDAY.timestamp() + 7 * DAY)
    assert (view.purpose, view.times, view.not_delivered) == ("rights", 1, 0)
    monday, next_monday = date(2027, 1, 11), date(2027, 1, 18)
    assert found.weeks == {
        (monday, "service"): 2, (next_monday, "rights"): 1, (next_monday, "service"): 1,
    }  # fmt: skip


@pytest.mark.clause("A1")
def test_records_of_the_software_s_own_are_listed_if_there_are_any() -> None:
    mark = (utc(START), None, None, None)
    assert listed(device.records(SAY, tally([]), 0, START)) == {"clock_mark": mark}
    assert listed(device.records(SAY, tally(LEDGER), 2, START)) == {
        "sent_record": (None, 4, SUNDAY, None),
        "queue_item": (None, 2, None, None),
        "clock_mark": mark,
    }


@pytest.mark.clause("A1")
def test_what_the_witness_saw_is_counted_from_its_first_day_on() -> None:
    days = [date(2027, 1, 9), date(2027, 1, 7), date(2027, 1, 8)]
    seen = tuple(
        WitnessedConnection(host="h", port=443, module=str(number), times=5, first=day, last=days[0])
        for number, day in enumerate(days)
    )
    nothing = Witnessed(connections=(), missed=3, watching=True)
    assert listed(device.witnessed(SAY, nothing)) == {}
    first = datetime.combine(days[1], time(), UTC)
    held = Witnessed(connections=seen, missed=0, watching=True)
    assert listed(device.witnessed(SAY, held)) == {"witness_record": (None, 3, first, None)}
