"""Silence of the comparison and one more allowed act is a bug; so is whatever a pending version lets through early.

``make test`` judges a few hundred random pairs of policies, the gate ten thousand, the long form as many as it can:

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_policy_oracle.py -s --timeout=3600
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from support.forms import GATE, SOAK, form, say
from support.policy_oracle import Verdict, judge
from support.policy_pairs import KEYS, PARTS, keys_of, pair, reached, shown

from rocketvpn_sdk.policy.document import Document

PART = 1_000 if GATE else 300
"""The pairs that one test judges: a part of what a run judges, so that processes share them."""
PARTS_OF_A_RUN = form(1, 10, 1)
SOAK_SECONDS = 60.0 * float(os.environ.get("SOAK_MINUTES", "10"))


def judged(seed: int) -> Verdict:
    """Judge the pair of a seed, and say what it is if something is wrong with it."""
    rng = Random(seed)
    old, new = pair(rng)
    verdict = judge(rng, old, new)
    assert not verdict.bugs, "\n".join((f"seed {seed}", *verdict.bugs[:3], shown(old, new)))
    return verdict


@pytest.mark.clause("X2", "U7")
@pytest.mark.parametrize("part", range(PARTS_OF_A_RUN))
def test_what_may_be_done_and_what_is_said_of_it_agree(part: int) -> None:
    began = Random().randrange(10**9) if SOAK else part * PART
    seed, until, acts, overcautious = began, time.monotonic() + SOAK_SECONDS, 0, 0
    while (time.monotonic() < until) if SOAK else seed < began + PART:
        verdict = judged(seed)
        seed, acts, overcautious = seed + 1, acts + verdict.acts, overcautious + verdict.overcautious
    say(f"{seed - began:,} pairs from {began}, {acts:,} acts; {overcautious:,} times more was said than was found")
    assert acts > 20 * (seed - began)
    assert 0 < overcautious < 0.5 * (seed - began)


def test_every_key_of_the_document_changes() -> None:
    kinds = {Document, *PARTS.values()}
    assert set(KEYS) == kinds
    assert reached() == {(kind, key) for kind in kinds for key in keys_of(kind)}


def test_every_key_is_changed_in_pairs_of_chance() -> None:
    """Not only could they change: in so many pairs, each key of the document did."""
    seen: set[str] = set()
    for seed in range(2_500):
        old, new = (msgspec.to_builtins(policy.document, enc_hook=str) for policy in pair(Random(seed)))
        seen |= set(different(old, new))
    assert seen >= {key for kind in KEYS for key in keys_of(kind)}


def different(one: Any, other: Any) -> Iterator[str]:
    """Yield the names of the keys that differ, however deep."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            if one.get(key) != other.get(key):
                yield key
                yield from different(one.get(key), other.get(key))
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        for before, after in zip(one, other, strict=False):
            yield from different(before, after)
