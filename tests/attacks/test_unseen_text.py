"""Text that steers a terminal, turns a page around or hides in it: in no report, export, table or receipt (A1)."""

from __future__ import annotations

import json
import unicodedata
import zipfile
from pathlib import Path

import msgspec
import pytest
from support.report_sample import lived_in
from support.world import World

from rocketvpn_sdk import wire
from rocketvpn_sdk.rights import Receipt, receipt_to_json
from rocketvpn_sdk.testing.sandbox import running_sandbox

NASTY = "x\x9b2J\x9d0;owned\x9c \u202egnp.exe\u2066\u2069\x7f\u2028\u200bend\x1b[2J"
LAID_OUT = set("\r\n\t\u00a0\u202f")


def hidden(text: str) -> set[str]:
    return {letter for letter in text if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"}} - LAID_OUT


@pytest.mark.clause("A1")
def test_a_report_and_an_export_show_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "server") as sandbox:
        world = World(sandbox, tmp_path / "vault")
        with lived_in(world, email=f"{NASTY}@post.example", line=f"said {NASTY}", weeks=1) as rocket:
            report = rocket.rights.view(samples=5, with_code=True)
            assert any(NASTY in str(held.value) for held in report.there)
            for written in (report.to_html(), report.to_html("de"), report.to_json()):
                assert hidden(written) == set()
                assert "gnp.exe" in written  # it is shown, as what it is
            read = json.loads(report.to_json())
            assert any(NASTY in str(held["value"]) for held in read["there"])
            rocket.rights.export(tmp_path / "taken.zip")
    with zipfile.ZipFile(tmp_path / "taken.zip") as taken:
        members = {name: taken.read(name).decode() for name in taken.namelist()}
    assert {name: found for name, text in members.items() if (found := hidden(text))} == {}
    assert {"report.json", "report.html", "log.csv", "log.jsonl"} <= {
        name for name, text in members.items() if "gnp.exe" in text
    }


@pytest.mark.clause("A3", "S3")
def test_a_receipt_in_a_file_hides_nothing_and_says_the_same() -> None:
    claims = wire.ReceiptClaims(
        iss="https://x.example", jti="1", iat=1, device_id="D", scope="account", erased=[NASTY], held_back=[],
        recipients_told=[NASTY],
    )  # fmt: skip
    written = receipt_to_json(Receipt(token="a.b.c", keys=NASTY, claims=claims))
    assert hidden(written.decode()) == set()
    assert msgspec.json.decode(written)["claims"]["recipients_told"] == [NASTY]
