"""``Pattern``, one row of the table in ``table.py``, and the pieces its regular expressions are made of.

Every repetition here is possessive or bounded, so that no text can make a search take more than linear time (C2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from rocketvpn_sdk.journal.scrub.validators import Judge

# Guards against beginning inside something longer. Those called FIRST stand behind the first character, not before it:
# a search skips fast to where an expression can begin only if it begins with plain characters.
NOT_INSIDE_WORD = r"(?<![A-Za-z0-9])"
FIRST_IN_NUMBER = r"(?<![0-9].)(?<![0-9]\..)"
# Text that went through `repr` has its line breaks as two characters: the letter in them belongs to no word.
# So is a name right before it: `mac:…`, `addr:…`.
FIRST_IN_HEX = (
    r"(?:(?<![0-9A-Za-z_:].)|(?<=\\[nrt].)|(?<=[G-Zg-z]:.)|(?<=[G-Zg-z][A-Fa-f]:.)|(?<=[G-Zg-z][A-Fa-f]{2}:.))"
)
ENDS = r"(?![0-9A-Za-z_])"

DOT = r"(?:\.|\[\.\])"
THREE_OCTETS = rf"(?:{DOT}\d{{1,3}}){{3}}"
HEX = r"[0-9A-Fa-f]"
GROUP = rf"{HEX}{{1,4}}"

WRAPPER = r"""(?:&?[A-Za-z]{1,12}\((?=&?[A-Za-z("'\\]))?(?:&?[A-Za-z]{1,12}\((?=["'\\]))?"""
"""What Rust and others put around a value: `Some("x")`, `Ok(Some("x"))`, `String("x")`."""
OF = (
    r"(?:[ ](?:d[eu]l?[ ](?:la[ ]|l['’])?|des[ ]|d['’])(?!(?i:err|ret|ré|res|ét|est|sal|sort))\w{2,16}"
    r"|(?<=[А-яё])[ ](?!ошиб|ответ|состоян|возврат|заверш|причин|стран|регион)[а-яё]{2,14}[аяиыую](?!\w))?"
)
"""What a name belongs to, where that stands behind it: `clé de licence`, `ключ активации`; but not `code d'erreur`."""
EQUALS = (
    rf"""{OF}"""
    r"""(?:\\?["']\]?|\](?!:))?(?:[ \t]{0,4}"""
    r"""(?:(?<!-)>(?=[^\s<>=])|:=|=>|==|[=:])(?:\s{1,8}+(?!\w{1,24}=[^\s=])|(?!\s))|\t\s{0,4}"""
    r"""|(?<=["']),\s?(?=\\?["'])(?!\\?["'][\w.-]{1,40}\\?["']\s?:)|,\s?\\?["']?value\\?["']?\s?[=:]\s?)"""
    rf"(?!(?:[A-Za-z]{{1,12}}\(){{0,2}}[A-Z]\w{{0,40}}+ \{{\s){WRAPPER}"
)
"""Between a name and its value.

In ``a=b``, ``a: b``, ``"a": "b"``, ``'a' => 'b'``, ``["a"] = "b"``, ``('a', 'b')``, ``<a>b</a>`` and ``name="a",
value="b"``; with a tab, or with the value on the next line. Not before the name of an object, as in `auth: Login {`.
"""
BETWEEN = r"""(?:\\?["'],?\s{0,4}\\?["']|[ \t]{1,8}\\?["']?)"""
"""Between the words of a command line, also where a program prints it as a list."""
ARGUMENT = r"""(?:(?<=["'])[^"'\\\r\n]++|[^\s"'\\]++)"""

QUOTED = (
    r"""(?:\\?"[^"\\\r\n]*+(?:\\(?:[^"]|"(?=\w))[^"\\\r\n]*+)*\\?(?:"|(?=[\r\n])|\Z)"""
    r"""|[bru]?'[^'\\\r\n]*+(?:\\.[^'\\\r\n]*+)*\\?(?:'|(?=[\r\n])|\Z)|[‘“„«][^‘’“”„«»\r\n]*+(?:[’”“»]|\Z))"""
)
VALUE = rf"""(?:{QUOTED}|[^\s,;&|<>()\[\]{{}}"']++)"""
SECRET = rf"""(?:{QUOTED}|(?:[^\s&<]++|&(?!\w++=)|<(?!/))+)"""
NAME_IN_PATH = r"""(?:[^\s/\\:*?"<>|%]{1,64}(?: [^\s/\\:*?"<>|%]{1,64}){0,3}(?=[/\\])|[^\s/\\:*?"'<>|,;)\]}%]++)"""
SLASH = r"[/\\]{1,4}"


class Pattern(NamedTuple):
    """How one kind of personal text is found, and what replaces it."""

    name: str
    regex: str
    """An empty group ``()`` in it stands where the personal part begins; what is before it stays."""
    placeholder: str
    """Nothing: what was found is not personal, and keeps other patterns away from it."""
    why: str
    found: tuple[tuple[str, str], ...] = ()
    """Texts and what becomes of them."""
    kept: tuple[str, ...] = ()
    """Texts that stay as they are."""
    after: tuple[str, ...] = ()
    """The names that stand before ``regex``, in any case; a space is a space, ``_``, ``-`` or nothing."""
    needs: tuple[str, ...] = ()
    """For a pattern without names: a text with none of these pieces, in lower case, holds nothing for it.

    In a piece ``D`` stands for a digit, ``L`` for a letter, and ``R`` for either or one of ``+/_-``. A piece of marks
    alone stands for as many of them anywhere in the text.
    """
    words: tuple[str, ...] = ()
    """The same in place of ``needs``: one of these words, in lower case."""
    judge: Judge | None = None
    """Looks at the personal part, and may find that it is none."""


def named(names: Iterable[str]) -> str:
    """Return an expression for any of ``names``, as ``Pattern.after`` has them, the longest first."""
    return f"(?i:{'|'.join(name.replace(' ', '[_ -]?') for name in sorted(names, key=len, reverse=True))})"


def keys(name: str) -> set[str]:
    """Return the words one of which stands in any text with ``name``: `user name` has `user` and `username`."""
    letters = re.split(r"[^\w ]|[\d_]", name)[0]
    return {letters.split()[0], letters.replace(" ", "")}
