"""Other libraries replace parts of Python's TLS: then a call is checked all the same, or nothing is sent (T1).

Each change is made in a process of its own, before the SDK is imported and after it, against a real server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from support.forms import form
from support.replaced_tls import PATCHES

from rocketvpn_sdk.sandbox import Sandbox

TESTS = Path(__file__).parents[1]
WRONG = ["sha256/" + "A" * 43 + "=", "sha256/" + "B" * 43 + "="]
WORK = {
    "injected",
    "create_connection",
    "lax_class",
    "lax_method",
    "no_tls",
    "plain_send",
    "more_authorities",
    "secrets_written",
}
"""With these everything goes on working, since none of what they replace is used."""
CASES = [
    (patch, when)
    for when in form(["first"], ["first", "last"], ["first", "last"])
    for patch in PATCHES
    if (patch, when) != ("gevent", "last")  # gevent itself asks to come first
]


def said(patch: str, when: str, calls: list[dict[str, object]]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "support.replaced_tls", patch, when, json.dumps(calls)],
        env=os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An authority that did not sign the server's certificate."""
    file = tmp_path_factory.mktemp("other") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return str(file)


@pytest.mark.clause("T1")
@pytest.mark.one_in(3)
@pytest.mark.parametrize(("patch", "when"), CASES)
def test_attack_replaced_tls_never_makes_a_check_void(sandbox: Sandbox, other: str, patch: str, when: str) -> None:
    before, ours = len(sandbox.requests), str(sandbox.ca_file)
    bad = [
        {"trust": other, "more": ours},
        {"trust": other, "system": ours},
        {"trust": ours, "pins": WRONG},
        {"system": ours, "pins": WRONG},
        {"system": other},
    ]
    calls = [{"server": sandbox.url, **call} for call in (*bad, {"trust": ours}, {"system": ours})]
    *refused, by_file, by_system = said(patch, when, calls)
    answered = [by_file, by_system].count("answered")
    assert len(sandbox.requests) == before + answered
    if patch in WORK:
        assert answered == 2
        assert refused == [*["certificate-untrusted interception"] * 2, *["pin-mismatch interception"] * 2, refused[0]]
    else:
        assert {by_file, by_system} <= {"answered", "server-unreachable tls"}
        assert "answered" not in refused
