"""Texts that are no constants: the pieces of the code stay, what is between them becomes its kind."""

from __future__ import annotations

import types
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.journal.lines.dynamic import pieces_of, private_text
from rocketvpn_sdk.journal.lines.kinds import masked
from rocketvpn_sdk.journal.lines.modules import Written, strings_in, written_in_code

WORDS = frozenset({"de-fra"})

pytestmark = pytest.mark.clause("C2")


def made(source: str) -> Callable[[str], str]:
    """Return what keeps the texts of a function with the body ``source``."""
    module = compile(f"def run(user, ip, ms):\n    return {source}", "made.py", "exec")
    (code,) = [each for each in module.co_consts if isinstance(each, types.CodeType)]
    pieces = pieces_of(code, written_in_code(module))
    return lambda text: private_text(text, pieces, WORDS, lambda text: text.replace("203.0.113.9", "[ip]"))


@pytest.mark.parametrize(
    ("source", "text", "kept"),
    [
        ('f"user {user} from {ip}"', "user Lena Fischer from 203.0.113.9", "user [text] from [ip]"),
        ('f"user {user} from {ip}"', "user Lena from 203.0.113.9, again", "user [text] from [text]"),
        ('f"took {ms} ms"', "took 12.345 ms", "took 12.3 ms"),
        ('f"took {ms} ms"', "took 5000 ms", "took 5000 ms"),
        ('f"took {ms} ms"', "took 50000000 ms", "took [number] ms"),
        ('f"region {ip} is up"', "region de-fra is up", "region de-fra is up"),
        ('f"region {ip} is up"', "region None is up", "region None is up"),
        ('"lost " + ip + " again"', "lost lena@example.org again", "lost [email] again"),
        ('"for %s of %d" % (user, ms)', "for Lena of 5", "for [text] of 5"),
        ('"{} was here".format(user)', "Lena was here", "[text] was here"),
        ('f"user {user}"', "user [user]", "user [user]"),
        ('f"user {user}"', "user '(Lena)'", "user '([text])'"),
        ('f"{user}"', "from 203.0.113.9 for 'Lena' and \"Omar\" and b'x' and 'de-fra' and '[ip]'",
         "from [ip] for '[text]' and '[text]' and '[text]' and 'de-fra' and '[ip]'"),
        ('f"{user}"', "it isn't ours, don't", "it isn't ours, don't"),
        ('{"openvpn": 1, "lena": 2}', "openvpn said lena", "openvpn said lena"),  # single words are no pieces
    ],
)  # fmt: skip
def test_pieces_stay_and_values_become_their_kind(source: str, text: str, kept: str) -> None:
    assert made(source)(text) == kept


def test_pieces_that_were_not_shipped_do_not_count() -> None:
    module = compile("def run(user):\n    return f'user Lena is {user}'", "made.py", "exec")
    (code,) = [each for each in module.co_consts if isinstance(each, types.CodeType)]
    assert pieces_of(code, Written(frozenset({"another text"}))) is None
    assert "user Lena is " in set(strings_in(code))


@given(st.text(min_size=3, max_size=40), st.text(min_size=3, max_size=40))
def test_no_value_of_an_f_string_stays(user: str, ip: str) -> None:
    """Whatever it holds: letters of it that are left are those of a piece, a kind or a number."""
    kept = made('f"user {user} from {ip} at last"')(f"user {user} from {ip} at last")
    for piece in ("user ", " from ", " at last"):
        kept = kept.replace(piece, " ")
    left = "".join(letter for letter in kept if letter.isalpha() and not letter.isascii())
    assert left == ""


@given(st.text(max_size=300))
def test_no_text_stays_that_is_no_word(value: str) -> None:
    left = masked(value, WORDS)
    assert left in WORDS or (isinstance(left, str) and left[0] == "[" and left[-1] == "]" and left[1:-1].isalpha())


@pytest.mark.parametrize("text", ["'" * 4000, "user " * 800, "\\'" * 2000, "\"'" * 2000, "[" * 4000, "1." * 2000])
def test_hostile_texts_come_to_an_end(text: str) -> None:
    assert len(made('f"user {user} from {ip}"')(text)) < 20_000
