"""Several things in one sentence, and the names of things."""

from __future__ import annotations

from collections.abc import Iterable

from rocketvpn_sdk.text.messages import translate


def listed(items: Iterable[str], nothing: str = "nothing") -> str:
    """Return ``a, b and c``; ``nothing`` if there are none."""
    *first, last = (*items,) or (nothing,)
    return " ".join((", ".join(first), translate("and"), last)) if first else last


def name(identifier: str) -> str:
    """Return the id of a field, purpose or category as words."""
    return translate(identifier.replace("_", " ").replace(".", " "))
