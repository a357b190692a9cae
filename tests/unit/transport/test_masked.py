"""No struct of `transport` shows tokens, keys or bodies: not in a ``repr``, a log line or a traceback."""

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
    "ApiAnswer": {"status", "etag", "date"},
    "ApiCall": {"operation", "server", "media", "accept", "at_most"},
    "BoundDevice": set(),
    "BindingRevoked": set(),
    "Endpoints": {"challenge", "token"},
    "OperationTally": {"purpose", "recipient", "fields", "times", "not_delivered", "first", "last"},
    "ObliviousRoute": {"relay", "key"},
    "OrderChangePending": {"kind", "id", "asked_at", "takes_effect_at"},
    "Outgoing": {"operation", "scheme", "host", "carries", "endpoint"},
    "ApprovedRequest": {"operation", "fields", "protocol"},
    "HttpReply": {"status", "unsure"},
    "FailureContext": {"host", "seconds", "proxied", "now", "trusted_time", "named", "trusts_nobody"},
    "SealedCall": {"operation", "through", "encode", "idempotency_key"},
    "SentEntry": {
        "at", "operation", "purpose", "recipient", "identity", "fields", "protocol", "size", "outcome", "tries",
    },
    "SentKey": set(),
    "SentTally": {"operations", "weeks"},
    "StepUp": {"acr_values", "max_age"},
    "_Token": set(),
}  # fmt: skip
"""Which fields of which struct may be seen; a new one has to be decided about here."""
SECRET = "hunter2-hunter2"


def structs() -> Iterator[type]:
    """Yield every struct and dataclass that a module of the package defines."""
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
    assert {
        "ApiAnswer",
        "ApiCall",
        "BoundDevice",
        "Outgoing",
        "ApprovedRequest",
        "HttpReply",
        "SentEntry",
        "SentKey",
        "_Token",
    } <= masked
