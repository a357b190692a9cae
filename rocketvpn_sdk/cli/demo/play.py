"""The demo from its first line to its exit code."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.demo import acts, ending, exported, reporting, updating
from rocketvpn_sdk.cli.demo.checks import Check, Checks
from rocketvpn_sdk.cli.demo.narrator import Narrator
from rocketvpn_sdk.cli.demo.stage import Stage, set_up
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.errors import RocketVPNError

PROVEN: Sequence[str] = (
    "While your data was here, its files gave nothing away to a search that finds it in plain files.",
    "On this device the vault, its keys and its secret store entries are gone.",
    "A copy of the vault's folder, taken before, cannot be opened any more.",
)
WORD: Sequence[str] = (
    "That the server deleted your data, and what it keeps and why: it signed this, and the signature holds. Here you"
    " could look into its database because it runs on this machine; of a real server you have its word.",
)
NOT_SHOWN: Sequence[str] = (
    "Whoever copied the vault AND its key (a full backup with the keyring in it) can still open that copy.",
    "What the disk itself keeps of removed files: it is sealed, and its key is gone, but it may linger for a while.",
    "What you saved yourself, such as the page and the export: plain files, which only you can remove.",
    "What an app does beside this component, and the internet address that any server sees.",
)


def play(out: Out, *, keep: bool) -> CommandResult:
    """Play it, and return every check; the exit code is 0 only if all of them held."""
    narrator = Narrator(out)
    checks = Checks(narrator.check)
    begun = time.monotonic()
    facts: dict[str, Any] = {"secret_store": None, "folder": None}
    narrator.begin()
    try:
        with set_up(checks, narrator, keep=keep) as stage:
            facts |= {"secret_store": stage.secrets.label, "folder": str(stage.folder) if keep else None}
            _acts(stage)
        checks.add("nothing-is-left", keep or not stage.folder.exists(), _left(stage, keep=keep))
    except (RocketVPNError, OSError) as error:
        checks.add("demo-reached-its-end", held=False, detail=f"{type(error).__name__}: {error}")
    seconds = time.monotonic() - begun
    lists = (("Proven on this machine", PROVEN), ("The server's word", WORD), ("What this does not show", NOT_SHOWN))
    return verdict(checks, seconds, facts, lambda: narrator.end(checks, seconds, lists if checks.held else ()))


def verdict(checks: Checks, seconds: float, facts: dict[str, Any], show: Any) -> CommandResult:
    """Return what came of the checks."""
    document = {
        "held": checks.held,
        "checks": list[Check](checks.done),
        "seconds": round(seconds, 2),
        **facts,
        "proven": PROVEN if checks.held else [],
        "servers_word": WORD if checks.held else [],
        "not_shown": NOT_SHOWN,
    }
    return CommandResult(document, lambda _: show(), codes.DONE if checks.held else codes.REFUSED)


def _acts(stage: Stage) -> None:
    stage.narrator.step("A server of its own, and a place for the key")
    stage.narrator.say(f"The server runs at {stage.sandbox.url}, with real TLS, in a temporary folder.")
    stage.narrator.say(stage.reason)
    with RocketVPN.open(stage.config) as rocket:
        acts.bind(stage, rocket)
        acts.record(stage, rocket)
        acts.see(stage, rocket)
        acts.correct(stage, rocket)
        updating.update(stage, rocket)
        reporting.report(stage, rocket)
        exported.take_along(stage, rocket)
        ending.search_before(stage)
        ending.take_copy(stage)
    with RocketVPN.open(stage.config) as rocket:  # started again, so that nothing is left in memory from before
        plan, outcome = ending.delete(stage, rocket)
    ending.search_after(stage)
    ending.search_server(stage, plan, outcome)


def _left(stage: Stage, *, keep: bool) -> str:
    if keep:
        return f"The demo's folder was kept, as asked: {stage.folder}"
    return "The demo removed its own server, folder and copies as well."
