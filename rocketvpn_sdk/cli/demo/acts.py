"""The demo's story up to the deletion: bind, log, see, correct."""

from __future__ import annotations

import logging
from collections import Counter
from urllib.parse import parse_qs

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.commands.journal import text
from rocketvpn_sdk.cli.demo.session_lines import PERSONAL, SHOWN, SessionLine, session_lines, write
from rocketvpn_sdk.cli.demo.stage import NEW_EMAIL, OLD_EMAIL, ORDER, SessionConnected, SessionDisconnected, Stage
from rocketvpn_sdk.cli.demo.traces import Search
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.journal import Entry
from rocketvpn_sdk.masking import mask
from rocketvpn_sdk.rights import Report

LINES = 300
_LOG_LINE = "log.message"
_BINDING_SENDS = {"response_type", "client_id", "order_number", "device_id"}
_BIND_PATH = "/v1/authorize-challenge"


def bind(stage: Stage, rocket: RocketVPN) -> None:
    """Bind the order to this device."""
    stage.narrator.step("The order is bound to this device")
    binding = rocket.device.bind(ORDER)
    stage.device_id = binding.device_id
    order = rocket.device.order()
    stage.narrator.say(
        f"Order {mask(ORDER)}: device {order.devices_used} of {order.devices_allowed}, paid until {order.paid_until}."
    )
    asked = [set(parse_qs(each.body.decode())) for each in stage.sandbox.requests if each.path == _BIND_PATH]
    stage.checks.add(
        "binding-sends-little",
        asked and all(members <= _BINDING_SENDS for members in asked),
        "Binding sent the order number, a number made for this device, and a public key; nothing else.",
    )
    held = len(stage.secrets.held())
    stage.checks.add("key-is-stored", held, f"The {stage.secrets.label} holds the vault's key.")


def record(stage: Stage, rocket: RocketVPN) -> None:
    """Log a session, as an app does, and look at what was kept of it."""
    stage.narrator.step("The app writes its log")
    values = {
        **PERSONAL,
        "order number": ORDER,
        "device number": stage.device_id,
        "contact e-mail": OLD_EMAIL,
    }
    lines = session_lines(LINES, values)
    _log(rocket, lines)
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=47))
    rocket.journal.record(SessionDisconnected(region="de-fra", duration=5211, traffic=48_113_206))
    rocket.journal.flush()
    entries = list(rocket.journal.read())
    stage.entries = len(entries)
    kept = [entry for entry in entries if entry.event == _LOG_LINE]
    stage.narrator.say(f"{len(lines)} lines and 2 events were written. Some of them, and what was stored:")
    stored = dict(zip(map(str, lines), (str(entry.fields["message"]) for entry in kept), strict=False))
    stage.narrator.before_after([(str(line), stored.get(str(line), "(not stored)")) for line in lines[: len(SHOWN)]])
    events = [entry for entry in entries if entry.event != _LOG_LINE]
    before = "connected after 47 seconds, 48,113,206 bytes in all"
    stage.narrator.before_after([(before, "; ".join(f"{each.event} {text(each)}" for each in events))])
    _check_log(stage, kept, len(lines), values)


def _log(rocket: RocketVPN, lines: list[SessionLine]) -> None:
    handler = rocket.journal.handler()
    app = logging.getLogger("app")
    app.setLevel(logging.INFO)
    app.propagate = False
    app.addHandler(handler)
    write(lines)
    app.removeHandler(handler)


def _check_log(stage: Stage, kept: list[Entry], written: int, values: dict[str, str]) -> None:
    stage.checks.add(
        "log-is-kept", len(kept) == written, f"{len(kept)} of {written} lines can be read back from the vault."
    )
    content = "\n".join(text(entry) for entry in kept)
    left = sorted(name for name, value in values.items() if value in content)
    stage.checks.add(
        "log-is-scrubbed",
        not left,
        f"None of the {len(values)} personal values in those lines was stored."
        if not left
        else f"The stored log still has: {words.listed(left)}.",
    )


def see(stage: Stage, rocket: RocketVPN) -> None:
    """Show the report."""
    stage.narrator.step("You see everything that is held")
    withheld = rocket.rights.view().withheld
    names = words.listed([words.name(each) for each in withheld])
    stage.narrator.say(
        f"An order number alone is not enough to see all of it. Without a code, the server holds back: {names}."
    )
    stage.checks.add(
        "held-back-without-a-code",
        {"contact_email", "payment_record"} <= set(withheld) and not stage.mailed_to,
        "What is the account's is held back from a device that was bound by the order number alone.",
    )
    report = rocket.rights.view(with_code=True)
    stage.narrator.say(f"On this device: {_fields(report, here=True)}")
    stage.narrator.say(f"At the server, by its own account: {_fields(report, here=False)}")
    calls = words.counted(sum(each.times for each in report.sent), "call")
    fields = sorted({name for each in report.sent for name in each.fields})
    along = words.listed([words.name(each) for each in fields])
    stage.narrator.say(f"Sent so far: {calls}, each written down before it went, with {along}.")
    held = {each.field for each in report.there}
    stage.checks.add(
        "report-has-both-sides",
        not report.withheld and {"order_number", "contact_email", "payment_record"} <= held and report.here,
        "The report has both sides: what rests here, and what the server says that it holds.",
    )
    trace = Search(PERSONAL)
    received = b"\n".join(
        each.path.encode() + repr(each.headers).encode() + each.body for each in stage.sandbox.requests
    )
    found = trace.data(received, "requests")
    stage.checks.add(
        "log-stays-here",
        not found and stage.sandbox.requests,
        f"In the {len(stage.sandbox.requests)} requests that the server received there is nothing from the log.",
    )


def _fields(report: Report, *, here: bool) -> str:
    held = report.here if here else report.there
    counts = Counter({each.field: each.count or 0 for each in held})
    log = max((counts[name] for name in ("event_name", "message")), default=0)
    names = [words.name(each.field) for each in held if each.count is None]
    if here and log:
        names.append(f"a log of {words.counted(log, 'entry', 'entries')}")
    return f"{words.listed(names)}."


def correct(stage: Stage, rocket: RocketVPN) -> None:
    """Correct the contact address."""
    stage.narrator.step("You correct what is wrong")
    before = _contact(rocket)
    rocket.rights.correct({"contact_email": NEW_EMAIL})
    after = _contact(rocket)
    stage.narrator.say(f"Contact e-mail before: {before}")
    stage.narrator.say(f"Contact e-mail after:  {after}")
    stage.checks.add(
        "code-before-the-correction",
        stage.mailed_to == [OLD_EMAIL, NEW_EMAIL],
        "Before it changed the address, the server asked for a code that it had sent to the old one, and for one that"
        " it had sent to the new one.",
    )
    stage.checks.add(
        "correction-holds",
        (before, after) == (OLD_EMAIL, NEW_EMAIL),
        "The server holds the corrected address; it was read back.",
    )


def _contact(rocket: RocketVPN) -> object:
    return next((held.value for held in rocket.rights.view().there if held.field == "contact_email"), None)
