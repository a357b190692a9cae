"""No struct of the room that holds tokens, keys and bodies shows them: not in a ``repr``, a log line or a traceback."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from rocketvpn_sdk import transport
from rocketvpn_sdk.masking import MaskedRepr

SHOWN: dict[str, set[str]] = {
    "Answer": {"status", "etag", "date"},
    "Call": {"operation", "media", "accept", "at_most", "repeatable"},
    "Device": set(),
    "DeviceRevokedNotice": set(),
    "Doors": {"challenge", "token"},
    "OperationTally": {"purpose", "recipient", "fields", "times", "not_delivered", "first", "last"},
    "Outgoing": {"operation", "scheme", "host", "carries", "door"},
    "Passed": {"operation", "fields", "protocol"},
    "Reply": {"status"},
    "Scene": {"host", "seconds", "proxied", "now", "believed", "named", "trusts_nobody"},
    "SentEntry": {
        "at", "operation", "purpose", "recipient", "identity", "fields", "protocol", "size", "outcome", "tries",
    },
    "SentKey": set(),
    "SentTally": {"operations", "weeks"},
    "StepUp": {"acr_values", "max_age"},
    "UserNeeded": {"operation", "code"},
    "_Token": set(),
}  # fmt: skip
"""Which fields of which struct may be seen; a new one has to be decided about here."""
SECRET = "hunter2-hunter2"


def structs() -> Iterator[type]:
    """Yield every struct and dataclass that a module of the room defines."""
    for found in pkgutil.iter_modules(transport.__path__, transport.__name__ + "."):
        module = importlib.import_module(found.name)
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == found.name
            if own and (issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind)):
                yield kind


def test_every_struct_of_the_room_is_decided_about() -> None:
    assert {kind.__name__ for kind in structs()} == set(SHOWN)


@pytest.mark.clause("T1")
@pytest.mark.parametrize("kind", [*structs()], ids=lambda kind: kind.__name__)
def test_what_is_not_meant_to_be_seen_is_not(kind: Any) -> None:
    names = kind.__struct_fields__
    value = kind(**{name: f"{SECRET}-{name}-" for name in names})
    for said in (repr(value), f"{value!s}", repr([value])):
        assert {name for name in names if f"{SECRET}-{name}-" in said} == SHOWN[kind.__name__]


@pytest.mark.clause("T1")
def test_what_holds_values_or_tokens_is_masked_by_its_base() -> None:
    masked = {kind.__name__ for kind in structs() if issubclass(kind, MaskedRepr)}
    assert {"Answer", "Call", "Device", "Outgoing", "Passed", "Reply", "SentEntry", "SentKey", "_Token"} <= masked
