"""The demo's end: a copy is taken, everything is deleted, and what is left is looked for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from msgspec.structs import replace

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.demo.exported import check_receipt
from rocketvpn_sdk.cli.demo.session_lines import KEPT
from rocketvpn_sdk.cli.demo.stage import NEW_EMAIL, ORDER, SessionConnected, Stage
from rocketvpn_sdk.cli.demo.traces import Search, all_files, missed
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.errors import MadeWithoutPassphrase, RocketVPNError, SecretMissing
from rocketvpn_sdk.journal import Entry
from rocketvpn_sdk.rights import DeletionPlan, Outcome
from rocketvpn_sdk.signed_files.folder import beside
from rocketvpn_sdk.testing.secrets import MemorySecrets
from rocketvpn_sdk.vault import SecretStore


def search_before(stage: Stage) -> None:
    """Search the vault while it is full, after showing that the search works."""
    stage.narrator.step("While it is there: can anybody read it in the files?")
    search = Search({**stage.stored, **stage.personal})
    failures = missed(search, stage.folder / "control")
    stage.checks.add(
        "search-works",
        not failures,
        f"The search finds each of {len(search.values)} values in plain files, in {search.forms} written forms"
        " (plain, UTF-16, hex, base64, base32, ...)."
        if not failures
        else f"The search missed {words.listed(failures[:5])}.",
    )
    public = beside(stage.config.folder)  # the operator's signed files, the same everywhere: they name kinds of events
    files = [path for path in all_files(stage.device) if public not in path.parents]
    size = sum(path.stat().st_size for path in files)
    found = search.files(files)
    stage.checks.add(
        "vault-is-sealed",
        files and size and not found,
        f"In the vault ({len(files)} files, {size:,} bytes) the same search finds none of them, though it"
        f" holds the order, the device's number and {stage.entries} log entries: they are sealed."
        if not found
        else f"Readable in the vault's files: {words.listed(sorted({trace.value for trace in found}))}.",
    )
    held = {trace.value for trace in search.files(all_files(stage.sandbox.folder)) if trace.form == "UTF-8"}
    stage.checks.add(
        "server-holds-it",
        {"order number", "device number", "new contact e-mail"} <= held,
        "In the server's own database it finds the order, the device and the address, as it should.",
    )


def take_copy(stage: Stage) -> None:
    """Copy the vault, as a backup or a thief would, and show that the copy is good as long as its key is there."""
    stage.narrator.step("Somebody takes a copy of the vault's folder")
    vault = stage.config.folder
    shutil.copytree(vault, stage.copy)
    trial = stage.folder / "trial"
    shutil.copytree(vault, trial)
    keys = MemorySecrets()  # a copy of the keys too, so that opening the trial cannot touch the real ones
    for name, secret in stage.secrets.held().items():
        keys.set(name, secret)
    with _opened(stage, trial.name, keys) as rocket:
        entries = list(rocket.journal.read())
        bound = rocket.device.binding
    shutil.rmtree(trial)
    stage.checks.add(
        "copy-opens-with-the-key",
        len(entries) == stage.entries
        and bound is not None
        and bound.order_number == ORDER
        and _holds_what_was_sought(entries),
        f"With today's key the copy opens: {len(entries)} log entries and the order number. So it is a good copy.",
    )


def _holds_what_was_sought(entries: list[Entry]) -> bool:
    """Whether the log has the line and the kind of event that the search did not find in the files."""
    names = {entry.event for entry in entries}
    lines = {entry.fields.get("message") for entry in entries}
    return SessionConnected.__event__[0] in names and KEPT in lines


def delete(stage: Stage, rocket: RocketVPN) -> tuple[DeletionPlan, Outcome]:
    """Show the plan, and delete everything."""
    stage.narrator.step("You delete everything")
    plan = rocket.rights.plan_delete("account", with_code=True)
    stage.narrator.say("First the app is closed and started again.")
    stage.checks.add(
        "log-survives-a-restart",
        sum(1 for _ in rocket.journal.read()) == stage.entries,
        f"After the restart the vault still has its {stage.entries} log entries.",
    )
    stage.narrator.say("Before anything happens, the plan says what stays and what stops working:")
    stays = [
        f"The server keeps the {words.name(each.field)} until {each.until}, {words.basis(each.basis)}."
        for each in plan.stays
    ]
    stage.narrator.bullets([*stays, *plan.consequences])
    outcome = rocket.rights.delete(plan)
    keys = words.counted(outcome.here.keys_destroyed, "log key")
    stage.checks.add(
        "deleted-here",
        outcome.here.done and outcome.here.keys_destroyed and not outcome.here.rotation_owed,
        f"Gone here at once: {keys} destroyed, and the key above them changed.",
    )
    stage.checks.add(
        "code-went-to-the-corrected-address",
        stage.mailed_to[2:] == [NEW_EMAIL],
        "The server asked for a code first, and sent it to the corrected address.",
    )
    stage.checks.add(
        "server-confirmed", outcome.server.state == "confirmed", f"The server's answer: {outcome.server.state}."
    )
    return plan, outcome


def search_after(stage: Stage) -> None:
    """Look for what is left on this device."""
    stage.narrator.step("What is left on this device")
    files = all_files(stage.device)
    left = Search({**stage.stored, **stage.personal}).files(files)
    stage.checks.add(
        "folder-is-gone",
        not stage.config.folder.exists() and not files and not left,
        "The vault's folder is gone, and in the folder around it there is no file left to search."
        if not files
        else f"Still there: {words.listed([path.name for path in files])}.",
    )
    held = stage.secrets.held()
    stage.checks.add(
        "keys-are-gone",
        not held and stage.secrets.seen,
        f"The {stage.secrets.label} was asked for each of the {stage.secrets.seen} entries of this vault: it has none.",
    )
    opened = _try_copy(stage)
    stage.checks.add(
        "copy-stays-shut",
        opened is None,
        "The copy that was taken before opens no more: its key does not exist any longer."
        if opened is None
        else f"The copy from before: {opened}",
    )


def _try_copy(stage: Stage) -> str | None:
    """Open the copy with the secret store as it is now; ``None``: there is no key for it."""
    try:
        with _opened(stage, stage.copy.name, stage.secrets) as rocket:
            return f"it opened ({words.counted(sum(1 for _ in rocket.journal.read()), 'entry', 'entries')})."
    except (SecretMissing, MadeWithoutPassphrase):
        return None
    except RocketVPNError as error:
        return str(error)


def search_server(stage: Stage, plan: DeletionPlan, outcome: Outcome) -> None:
    """Look at what the server still holds; only a demo can look there."""
    stage.narrator.step("What is left at the server (only in a demo can you look)")
    rows = stage.sandbox.rows()
    receipt = outcome.server.receipt
    stage.narrator.bullets(_still_held(rows))
    tokens = [str(row["receipt"]).encode() for row in rows["rights_requests"] if row["receipt"]]
    search = Search({"order number": ORDER, "device number": stage.device_id, **stage.personal})
    found = set()
    for path in all_files(stage.sandbox.folder):
        content = path.read_bytes()
        for token in tokens:  # a receipt names the device that it is for: that is why it may stay
            content = content.replace(token, b"")
        found |= search.data(content, path.name)
    stage.checks.add(
        "server-forgot",
        not found,
        "In the server's files the search finds none of the personal values, its receipt aside."
        if not found
        else f"Still at the server: {words.listed(sorted({f'{trace.value} ({trace.form})' for trace in found}))}.",
    )
    held_back = [(each.field, each.basis, each.until) for each in receipt.claims.held_back] if receipt else []
    planned = [(each.field, each.basis, each.until) for each in plan.stays]
    stage.checks.add(
        "kept-as-announced",
        planned and held_back == planned,
        "What the server keeps is what the plan announced, with the reason and the end.",
    )
    check_receipt(stage, receipt)


def _still_held(rows: Mapping[str, list[dict[str, object]]]) -> list[str]:
    invoices = [row for row in rows["payments"] if row["order_number"] is None]
    texts = [f"{row['record']}: kept until {row['hold_until']} by law, no longer tied to the order" for row in invoices]
    texts += [
        f"your request {str(row['id'])[:8]} ({row['exercise']}, {row['status']}) with its receipt"
        for row in rows["rights_requests"]
    ]
    passes = len(rows["access_tokens"]) + len(rows["refresh_tokens"])
    answers = len(rows["idempotency"])
    if passes + answers:
        texts.append(
            f"{words.counted(passes, 'short-lived pass', 'short-lived passes')} and"
            f" {words.counted(answers, 'stored answer')}, known only by the hash of a key that no longer exists"
        )
    return texts


def _opened(stage: Stage, name: str, secrets: SecretStore) -> RocketVPN:
    """Open another folder of the stage with other secrets."""
    return RocketVPN.open(replace(stage.config, data_dir=stage.folder / name, secrets=secrets))
