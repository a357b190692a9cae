"""``[[vocabulary]]``: which words stay in log lines as values."""

from __future__ import annotations

import pytest
from support.policies import TEXT, edited

from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.policy import bundled_policy, compare, parse_policy, vocabulary

pytestmark = pytest.mark.clause("C2")
OLD = parse_policy(TEXT)
MORE = parse_policy(edited("vocabulary", "connection", '"started",', '"started", "rekeying",'))


def test_the_words_of_a_policy() -> None:
    assert {"de-fra", "connected", "wireguard", "timeout", "NXDOMAIN"} <= bundled_policy().vocabulary
    assert MORE.vocabulary - OLD.vocabulary == {"rekeying"}
    assert parse_policy(OLD.canonical_json().decode()).vocabulary == OLD.vocabulary


@pytest.mark.parametrize("word", ["two words", "lena@example.org", "7up", "", "x" * 41, "a/b", "ü", "_x"])
def test_what_could_be_a_value_is_no_word(word: str) -> None:
    with pytest.raises(PolicyInvalid, match="is not a word"):
        parse_policy(edited("vocabulary", "connection", '"started"', f'"{word}"'))


def test_of_several_versions_only_the_words_of_all_stay() -> None:
    assert vocabulary([OLD, MORE]) == vocabulary([MORE, OLD]) == OLD.vocabulary
    assert vocabulary([MORE]) == MORE.vocabulary
    assert vocabulary([]) == frozenset()


@pytest.mark.clause("X2")
def test_a_new_word_takes_nothing() -> None:
    """A policy that lets scrubbed text be kept allows any word that scrubbing leaves; this only narrows the choice."""
    assert not compare(OLD, MORE).widened
    assert not compare(MORE, OLD).widened
