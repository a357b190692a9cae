"""Scrubbing, on the table's own examples, on planted lines, and on lines that the table was not written for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vpn_lines import vpn_lines

from rocketvpn_sdk.journal import scrub
from rocketvpn_sdk.journal.scrub import REMOVED, UNREADABLE, Scrubber, scrubber
from rocketvpn_sdk.journal.scrub.table import PATTERNS

pytestmark = pytest.mark.clause("C2")

DATA = Path(__file__).parent / "data"
OWN = frozenset({"api.rocketvpn.example"})


class Case(NamedTuple):
    line: str
    gone: list[str]
    kept: list[str]


def cases(name: str) -> list[Case]:
    """Read a held-out set: a line, then `  - ` what must be gone from it and `  + ` what must survive."""
    found: list[Case] = []
    for line in (DATA / name).read_text("utf-8").splitlines():
        if line.startswith("  - "):
            found[-1].gone.append(line[4:])
        elif line.startswith("  + "):
            found[-1].kept.append(line[4:])
        elif line and not line.startswith("#"):
            found.append(Case(line, [], []))
    return found


# One set was written before the table (113 lines), one after it (47 lines), both by its author. At their first run 110
# of 111 and 49 of 53 personal values were gone, and all of 105 and 28 harmless pieces survived. What was missed led to
# changes, so full marks today say only that nothing got worse; 92 % is the figure to expect of unseen lines.
HELD_OUT = [*cases("held_out.txt"), *cases("held_out_second.txt")]
FOUND = [
    pytest.param(*pair, id=f"{pattern.name}-{number}")
    for pattern in PATTERNS
    for number, pair in enumerate(pattern.found)
]
KEPT = [
    pytest.param(text, id=f"{pattern.name}-{number}")
    for pattern in PATTERNS
    for number, text in enumerate(pattern.kept)
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_table_finds_its_examples(text: str, expected: str) -> None:
    assert scrub.scrub(text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_table_leaves_its_negatives(text: str) -> None:
    assert scrub.scrub(text) == text


def test_every_row_is_complete() -> None:
    assert len({pattern.name for pattern in PATTERNS}) == len(PATTERNS)
    for pattern in PATTERNS:
        assert pattern.why.endswith("."), pattern.name
        assert pattern.found or not pattern.placeholder, pattern.name
        assert [bool(pattern.after), bool(pattern.needs), bool(pattern.words)].count(True) == 1, pattern.name
        assert re.compile(pattern.regex).groups <= 1, pattern.name
        assert re.fullmatch(r"\[[a-z]+\]|", pattern.placeholder), pattern.name


@pytest.mark.parametrize("case", HELD_OUT, ids=range(len(HELD_OUT)))
def test_held_out_lines(case: Case) -> None:
    assert all(part in case.line for part in [*case.gone, *case.kept]), "the set itself is wrong"
    scrubbed = scrub.scrub(case.line)
    assert not [part for part in case.gone if part in scrubbed]
    assert not [part for part in case.kept if part not in scrubbed]


def test_nothing_planted_survives() -> None:
    for text, personal in vpn_lines(3000, seed=11, personal=1):
        scrubbed = scrub.scrub(text)
        for value in personal:
            if len(value) > 3:
                assert value not in scrubbed, text


def test_lines_without_anything_personal_stay_as_they_are() -> None:
    for text, _ in vpn_lines(2000, seed=12, personal=0):
        assert scrub.scrub(text) == text


def test_scrubbing_twice_changes_nothing_more() -> None:
    for text, _ in vpn_lines(2000, seed=13, personal=0.8):
        once = scrub.scrub(text)
        assert scrub.scrub(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "GET https://api.rocketvpn.example/v1/devices failed",
        "resolving api.rocketvpn.example",
        "host='API.RocketVPN.example', port=443",
        "https://api.rocketvpn.example:8443 answered",
        "connect to api.rocketvpn.example. failed",
    ],
)
def test_the_operators_own_hosts_stay(text: str) -> None:
    assert scrub.scrub(text, own_hosts=OWN) == text
    assert "ocketVPN.example".lower() not in scrub.scrub(text).lower()


@pytest.mark.parametrize(
    "text",
    [
        "https://lena:pw@api.rocketvpn.example/",
        "https://api.rocketvpn.example@evil.example/",
        "https://api.rocketvpn.example.evil.example/",
        "api.rocketvpn.example.evil.example",
        "lena@api.rocketvpn.example",
    ],
)
def test_a_foreign_host_cannot_pass_for_an_own_one(text: str) -> None:
    assert scrub.scrub(text, own_hosts=OWN) in {"[url]", "[host]", "[email]"}


def test_what_is_personal_in_an_own_url_still_goes() -> None:
    text = "https://api.rocketvpn.example/v1?mail=lena@post.example&token=abc123&order=RV-2026-0001"
    scrubbed = scrub.scrub(text, own_hosts=OWN)
    assert scrubbed == "https://api.rocketvpn.example/v1?mail=[email]&token=[token]&order=[order]"


def test_known_values_go_wherever_they_stand() -> None:
    scrubber = Scrubber(known=["LENA-77", "Lena Fischer", "", "ab"])
    assert (
        scrubber.scrub("hello lena fischer (lena-77), version lena-77")
        == f"hello {REMOVED} ({REMOVED}), version {REMOVED}"
    )
    assert scrubber.scrub("about") == "about"


def test_a_kept_text_protects_no_secret() -> None:
    assert scrub.scrub("password=v1.2.3.4") == "password=[secret]"
    assert Scrubber(known=["1.2.3.4"]).scrub("version 1.2.3.4") == f"version {REMOVED}"


def test_versions_before_a_port_are_addresses() -> None:
    assert scrub.scrub("version 203.0.113.9:443") == "version [ip]:443"


def test_loaded_modules_are_no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scrub.scrub("logger acme.network") == "logger [host]"
    monkeypatch.setitem(sys.modules, "acme.network", scrub)
    assert scrub.scrub("logger acme.network") == "logger acme.network"


@pytest.mark.parametrize("value", [None, 7, b"10.0.0.1", ["10.0.0.1"], object()])
def test_what_is_no_text_is_not_kept(value: object) -> None:
    assert scrub.scrub(value) == UNREADABLE  # type: ignore[arg-type] # what must be refused


def test_an_internal_failure_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str, findings: object) -> str:
        raise RuntimeError("lena")

    monkeypatch.setattr(scrubber, "_replaced", broken)
    assert scrub.scrub("from 203.0.113.9") == UNREADABLE


@given(st.text(max_size=400))
def test_never_raises(text: str) -> None:
    assert isinstance(scrub.scrub(text), str)
    assert scrub.scrub(text) != UNREADABLE


@given(
    st.text(alphabet=st.characters(codec="ascii"), max_size=60),
    st.ip_addresses(),
    st.text(" \t\n,;()<>\"'", min_size=1),
)
def test_addresses_go_from_any_surroundings(prefix: str, address: object, space: str) -> None:
    everywhere = ("0.", "127.", "128.0.0.0", "169.254.0.0", "192.0.0.", "22", "239.255.", "255.", "::", "::1")
    if str(address).startswith(everywhere[:-2]) or str(address) in everywhere:
        return
    marked = f"{space}{address}{space}"
    scrubbed = scrub.scrub(prefix.replace("v", "").replace("V", "") + marked)
    if not re.search(
        r"(?i)version|release|ssl|qt|chrom|firefox|edg|safari|firmware|driver|electron|opr|python|rev", prefix
    ):
        assert marked not in scrubbed


@given(st.emails())
def test_email_addresses_go(address: str) -> None:
    assert address not in scrub.scrub(f"mail to {address} failed")


@given(st.integers(0, 2**256 - 1), st.sampled_from(["{:064x}", "{:064X}", "0x{:064x}"]))
def test_keys_in_hex_go(key: int, form: str) -> None:
    text = form.format(key)
    if (
        sum(character.isalpha() for character in text[-24:])
        and sum(character.isdigit() for character in text[2:26]) > 1
    ):
        assert text[-32:] not in scrub.scrub(f"key {text} loaded")


def test_import_is_light() -> None:

    code = (
        "import sys, types; package = types.ModuleType('rocketvpn_sdk.journal'); import rocketvpn_sdk;"
        f"package.__path__ = [{str(Path(scrub.__file__).parent.parent)!r}];"
        "sys.modules['rocketvpn_sdk.journal'] = package;"
        "import rocketvpn_sdk.journal.scrub, rocketvpn_sdk.journal.minimise;"
        "print(sorted({'cryptography', 'httpx', 'keyring'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
