"""The pages that are written by hand say what the code has."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest
from support.clauses import CLAUSES

from rocketvpn_sdk import RocketVPN, errors
from rocketvpn_sdk.client import Status
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.groups.device import Devices
from rocketvpn_sdk.groups.diagnostics import Diagnostics
from rocketvpn_sdk.groups.offers import Offers
from rocketvpn_sdk.groups.policy import Policies
from rocketvpn_sdk.groups.queue import WaitingRequests
from rocketvpn_sdk.groups.surveys import Surveys
from rocketvpn_sdk.groups.updates import Updates
from rocketvpn_sdk.policy.values import _ARGUMENTS as TRANSFORMS
from rocketvpn_sdk.rights import Rights

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def rows(page: str, heading: str) -> str:
    section = (DOCS / page).read_text("utf-8").partition(f"\n## {heading}\n")[2]
    return section.partition("\n## ")[0]


@pytest.mark.parametrize(
    ("heading", "prefix", "kind"),
    [
        ("`consent`", "consent", Consents),
        ("`device`", "device", Devices),
        ("`diagnostics`", "diagnostics", Diagnostics),
        ("`offers`", "offers", Offers),
        ("`policy`", "policy", Policies),
        ("`queue`", "queue", WaitingRequests),
        ("`rights`", "rights", Rights),
        ("`surveys`", "surveys", Surveys),
        ("`updates`", "updates", Updates),
    ],
)
def test_every_call_of_a_group_is_in_the_table_of_calls(heading: str, prefix: str, kind: type):
    listed = set(re.findall(rf"`{prefix}\.(\w+)", rows("calls.md", heading)))
    assert listed == public(kind)


def test_every_call_of_the_front_door_is_in_the_table_of_calls():
    listed = set(re.findall(r"^\| `(?:RocketVPN\.)?(\w+)\(", rows("calls.md", "The whole"), re.MULTILINE))
    groups = {
        "consent", "device", "diagnostics", "features", "journal", "offers", "policy", "rights", "surveys", "updates",
    }  # fmt: skip
    assert listed == public(RocketVPN) - groups


def test_the_journal_s_calls_are_in_the_table_of_calls():
    listed = set(re.findall(r"^\| `journal\.(\w+)", rows("calls.md", "`journal`"), re.MULTILINE))
    assert listed == {
        *("known", "record", "handler", "read", "flush", "purge", "stats"),
        *("queue_handler", "structlog_processor"),
    }


def test_the_page_about_offline_has_every_call_that_can_use_the_network():
    table = re.findall(r"^\| (`[^|]+?`)(?:, [^|]*)? \| yes\b", (DOCS / "calls.md").read_text("utf-8"), re.MULTILINE)
    listed = re.findall(r"^\| (`.+?`) \|", rows("offline.md", "What each call does without the server"), re.MULTILINE)
    assert sorted(listed) == sorted(table)


def test_every_transform_is_explained():
    page = (DOCS / "policy.md").read_text("utf-8")
    assert [name for name in TRANSFORMS if not re.search(rf"^\| `{name}[`(]", page, re.MULTILINE)] == []


def test_every_key_of_the_bundled_policy_is_explained():
    page = (DOCS / "policy.md").read_text("utf-8")
    policy = tomllib.loads((ROOT / "rocketvpn_sdk" / "policy" / "rocketvpn.toml").read_text("utf-8"))
    used = set(policy)
    for part in policy.values():
        for table in part if isinstance(part, list) else [part]:
            used |= set(table) if isinstance(table, dict) else set()
    used -= {"en"}
    assert [key for key in sorted(used) if not re.search(rf"(`|\.|\[){key}(`|\]|\.)", page)] == []


def test_every_error_tells_what_happened_and_most_tell_what_to_do():
    kinds = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.RocketVPNError)
    ]
    leaves = [kind for kind in kinds if not kind.__subclasses__()]
    assert [kind.__name__ for kind in kinds if not kind.MESSAGE.endswith((".", "}"))] == []
    assert [kind.__name__ for kind in leaves if not kind.REMEDY.endswith(".")] == []
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))


def test_no_page_links_to_a_page_that_is_not_there():
    missing = [
        f"{page.name}: {target}"
        for page in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
        if "_build" not in page.parts
        for target in re.findall(r"\]\(([^)#\s]+)", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert missing == []


def test_every_clause_has_a_sentence():
    assert len(CLAUSES) == 30
    assert all(sentence.endswith(".") for sentence in CLAUSES.values())


def test_what_the_threat_model_says_about_owed_rotation_can_be_seen():
    # The page promises that status() says so until a rotation is done.
    from rocketvpn_sdk.vault import VaultStatus

    assert "vault" in Status.__struct_fields__
    assert "rotation_owed_since" in VaultStatus.__struct_fields__
