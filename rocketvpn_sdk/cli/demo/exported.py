"""What the user takes along in the demo (the report as a page, all of it in one file, the receipt), tried out."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from rocketvpn_sdk.cli import codes, files, words
from rocketvpn_sdk.cli.demo.stage import NEW_EMAIL, ORDER, Stage
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.rights import Receipt, receipt_to_json

_FETCH_NOTHING = "default-src 'none'"  # the page's own policy, which every browser goes by (CSP)


def take_along(stage: Stage, rocket: RocketVPN) -> None:
    """Save the report as a page, and all of it as one file."""
    stage.narrator.step("You take it along")
    stage.taken.mkdir(mode=0o700)
    page = stage.taken / "report.html"
    files.write(page, rocket.rights.view(samples=5).to_html().encode(), name="page")
    stage.narrator.say("The report as a page for any browser (it stays with --keep):")
    stage.narrator.say(str(page))
    text = page.read_text("utf-8")
    stage.checks.add(
        "page-is-quiet",
        NEW_EMAIL in text and ORDER in text and "<script" not in text and _FETCH_NOTHING in text,
        "The page shows the corrected address; it has no script, and tells the browser to fetch nothing.",
    )
    listed, whole = _listed(Path(rocket.rights.export(stage.taken / "my-data.zip").path))
    stage.checks.add(
        "export-is-whole",
        whole and {"report.json", "report.html", "log.jsonl"} <= listed,
        f"One file holds all of it: {words.counted(len(listed), 'member')} of standard formats, each as its list of"
        " contents says.",
    )


def _listed(file: Path) -> tuple[set[str], bool]:
    """Return what the export's manifest lists, and whether every member is there as it says."""
    with zipfile.ZipFile(file) as opened:
        members = json.loads(opened.read("manifest.json"))["members"]
        whole = all(hashlib.sha256(opened.read(each["name"])).hexdigest() == each["sha256"] for each in members)
    return {each["name"] for each in members}, whole


def check_receipt(stage: Stage, receipt: Receipt | None) -> None:
    """Have the receipt checked by a process that has nothing but its file and the operator's root."""
    if receipt is None:
        stage.checks.add("receipt-verifies", held=False, detail="There is no receipt.")
        return
    stage.narrator.say("Another process, without vault and server: rocketvpn receipt FILE --root ROOT.json")
    code, said = _checked(stage, "receipt.json", receipt)
    erased = words.counted(len(receipt.claims.erased), "field")
    stage.checks.add(
        "receipt-verifies",
        code == codes.DONE and said.get("holds") and said.get("vouched_by") == "tuf",
        f"It says that the receipt holds: {erased} erased, signed with a key that the operator's root vouches for."
        if code == codes.DONE
        else f"The receipt does not hold: {_message(said)}",
    )
    code, said = _checked(stage, "forged.json", _forged(receipt))
    stage.checks.add(
        "forged-receipt-is-refused",
        code == codes.REFUSED and said.get("error", {}).get("code") == "receipt-invalid",
        "The same receipt with one word changed is refused."
        if code == codes.REFUSED
        else f"The same receipt with one word changed: {_message(said)}",
    )


def _checked(stage: Stage, name: str, receipt: Receipt) -> tuple[int, dict[str, Any]]:
    file = stage.taken / name
    files.write(file, receipt_to_json(receipt), name="receipt")
    # Without settings from the environment: the root is all that is known.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ROCKETVPN_")}
    done = subprocess.run(  # noqa: S603 - this very program
        [*_this_program(), "receipt", str(file), "--root", str(stage.sandbox.trusted_root), "--json"],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {}


def _this_program() -> list[str]:
    """Return what starts this command line again; a frozen one is a program of its own."""
    if "__compiled__" in globals():  # Nuitka, whose `sys.executable` is a file that does not exist
        return [sys.argv[0]]
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "rocketvpn_sdk.cli"]


def _message(said: dict[str, Any]) -> str:
    return str(said.get("error", {}).get("message", "it gave another answer."))


def _forged(receipt: Receipt) -> Receipt:
    """Return the receipt as if more had been erased, under the same signature."""
    head, _, signature = receipt.token.split(".")
    claims = msgspec.structs.replace(receipt.claims, erased=[*receipt.claims.erased, "payment_record"])
    body = base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=").decode()
    return msgspec.structs.replace(receipt, claims=claims, token=f"{head}.{body}.{signature}")
