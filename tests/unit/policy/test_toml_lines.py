from __future__ import annotations

import pytest

from rocketvpn_sdk.policy.toml_lines import TomlLines

TEXT = '''\
# a comment with """ in it, and [[field]] too
version = 1
title.en = "x"
"quoted" = 2
long.en = """
[[field]]
id = "inside a text"
"""
other = \'\'\'
[minors]\'\'\'

[[field]]  # the first
id = "a"  # [[field]]
type = { kind = "text" }

[[ field ]]
id = "b"
[field.retention]
device = "P1D"

[minors]  # the real one
age = 18
[minors.advice]
en = "ask"
'''


def at(text: str) -> int:
    return TEXT.split("\n").index(text) + 1


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("", 0, "version"), "version = 1"),
        (("", 0, "title"), 'title.en = "x"'),
        (("", 0, "quoted"), '"quoted" = 2'),
        (("field", 0), "[[field]]  # the first"),
        (("field", 0, "id"), 'id = "a"  # [[field]]'),
        (("field", 1), "[[ field ]]"),
        (("field", 1, "id"), 'id = "b"'),
        (("field", 1, "retention"), "[field.retention]"),
        (("minors",), "[minors]  # the real one"),
        (("minors", 0, "age"), "age = 18"),
        (("minors", 0, "advice"), "[minors.advice]"),
    ],
)
def test_a_key_a_table_and_a_table_inside_a_table(where: tuple, line: str):
    assert TomlLines(TEXT).find(*where) == at(line)


def test_what_is_not_there_has_its_table_s_line_or_none():
    lines = TomlLines(TEXT)
    assert lines.find("field", 1, "transform") == at("[[ field ]]")
    assert lines.find("field", 7, "id") == lines.find("field")  # the table is at least named there
    assert lines.find("nowhere", 0, "id") == 0
    assert lines.find("", 0, "contact") == 0


@pytest.mark.parametrize(
    ("path", "key", "line"),
    [
        ("$", "version", "version = 1"),
        ("$", "nothing", ""),
        ("$.version", "int", "version = 1"),
        ("$.title[...]", "", 'title.en = "x"'),
        ("$.title.en", "", 'title.en = "x"'),
        ("$.minors.age", "", "age = 18"),
        ("$.minors", "age", "age = 18"),
        ("$.field[1].id", "", 'id = "b"'),
        ("$.field[1].retention.device", "str", "[field.retention]"),
        ("$.field[1]", "id", 'id = "b"'),
        ("$.field[1]", "missing", "[[ field ]]"),
        ("nonsense", "version", "version = 1"),
    ],
)
def test_paths_as_msgspec_writes_them(path: str, key: str, line: str):
    assert TomlLines(TEXT).find_path(path, key) == (at(line) if line else 0)


def test_an_array_of_inline_tables_has_the_line_of_its_key():
    assert TomlLines('version = 1\npurpose = [{ id = "a" }, { id = "b" }]\n').find_path("$.purpose[1].id") == 2


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\x0c", "\x1c", "\r"])
def test_only_a_line_feed_ends_a_line(mark: str):
    # Python's splitlines() ends lines at these too; TOML and every editor do not.
    assert TomlLines(f'title = "a{mark}b"\r\nversion = 1\r\n').find("", 0, "version") == 2
