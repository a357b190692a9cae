"""What commands print for people: every part where there is something, and a sentence where there is nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rocketvpn_sdk import Report, wire
from rocketvpn_sdk.cli import problems
from rocketvpn_sdk.cli.commands import consent, correct, delete, delete_owner, journal, view
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.cli.problems import ConfirmationNeeded
from rocketvpn_sdk.journal import Entry
from rocketvpn_sdk.rights.report import AppliedPolicy
from rocketvpn_sdk.rights.report.model import (
    ConsentStep,
    ConsentStory,
    HeldValue,
    LogSummary,
    PendingPolicy,
    SentSummary,
)

AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
PARTS = ("sent_weeks", "waiting", "disclosures", "requests", "purposes", "recipients", "categories")


def held(field: str, place: str, **more: Any) -> HeldValue:
    given = {"category": "", "value": f"<{field}>", "purposes": (), "recipients": (), "kept": "P1D"} | more
    return HeldValue(field=field, place=place, sentence=f"Sentence of {field}.", **given)  # type: ignore[arg-type] # of several types


def report(**parts: Any) -> Report:
    pending = PendingPolicy(version=8, sha256="eight", effective=date(2027, 2, 1), binds_at=None)
    policy = AppliedPolicy(
        id="p",
        version=7,
        sha256="seven",
        title="t",
        published=date(2027, 1, 1),
        effective=date(2027, 1, 1),
        pending=pending,
    )
    step = ConsentStep(at=AT, state="granted", until=None, by="user", policy_version=7, language="en", record_id="r")
    story = ConsentStory(
        purpose="surveys", recipient=None, sentence="", state="granted", effective=True, server="knows", history=(step,)
    )
    sent = SentSummary(
        operation="o",
        sentence="It was sent.",
        purpose="x",
        recipient="operator",
        fields=("a", "b"),
        times=2,
        not_delivered=1,
        last=AT,
    )
    given: dict[str, Any] = dict.fromkeys(PARTS, ()) | {
        "made_at": AT,
        "language": "en",
        "policy": policy,
        "contact": "mail@example.org",
        "log": LogSummary(records=0, oldest=None, newest=None, by_event={}, removed=0),
        "server_answered": True,
        "server_problem": None,
        "disclosures_problem": None,
        "requests_problem": None,
        "here": (held("order_number", "device"),),
        "there": (held("email", "server", correctable=True),),
        "consents": (story,),
        "sent": (sent,),
        "caveats": ("It cannot see all.",),
        "log_samples": (Entry(AT, "session.connected", "service", {"region": "de-fra"}),),
    }
    return Report(**given | parts)


@contextmanager
def printing() -> Iterator[tuple[Out, io.StringIO]]:
    text = io.StringIO()
    with redirect_stdout(text):
        yield Out(json=False), text


def shown(made: Report) -> str:
    with printing() as (out, text):
        view.show(out, made)
    return " ".join(text.getvalue().split())  # lines end where the terminal does


def in_order(text: str, *parts: str) -> None:
    at = 0
    for part in parts:
        assert part in text[at:], f"{part!r} is missing, or elsewhere, in\n{text}"
        at = text.index(part, at)


@pytest.mark.clause("A1")
def test_view_prints_every_part_of_a_report_in_order() -> None:
    in_order(
        shown(report()),
        "What is held about you",
        "version 7. Questions: mail@example.org",
        "In short",
        "On this device",
        "Sentence of order_number.",
        "order_number: <order_number>",
        "kept",
        "At the server, by its own account",
        "Sentence of email.",
        "Your choices",
        "surveys",
        "version 7 was shown",
        "What was sent",
        "It was sent.",
        "2 times (1 did not get through)",
        "Given to authorities and others",
        "It says: to nobody.",
        "The newest entries of the log",
        "session.connected",
        "The policy that applies",
        "seven",
        "newer version",
        "not before you were shown it",
        "eight",
        "What this report cannot show",
        "It cannot see all.",
        "You can correct",
        "email",
        "You can have all of it deleted",
    )


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"sent": ()}, "The records hold nothing that left this device."),
        ({"disclosures_problem": "server-unreachable"}, "Given to authorities"),
        ({"here": (held("witness_record", "device"),)}, "`rocketvpn sent --witness`"),
        ({"server_problem": "device-revoked"}, "`rocketvpn view --owner ORDER`"),
    ],
)
def test_view_says_what_else_there_is_to_know_only_where_it_is_so(parts: dict[str, Any], says: str) -> None:
    assert says in shown(report(**parts))
    if "Given" not in says:
        assert says not in shown(report())
    else:
        assert "It says: to nobody." not in shown(report(**parts))


def test_view_leaves_out_what_there_is_none_of() -> None:
    text = shown(report(log_samples=(), there=(held("email", "server"),)))
    assert "newest entries" not in text
    assert "You can correct" not in text


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (held("f", "device", value=None), "it is a secret"),
        (held("f", "device", value=AT), "UTC"),
        (held("f", "device", value=None, count=1), "1 entry"),
        (held("f", "device", value="de-fra", count=3, since=AT), "de-fra (3 entries, the first of"),
        (held("f", "device", value=5), "5"),
    ],
)
def test_a_value_is_said_in_words(value: HeldValue, says: str) -> None:
    assert says in view.value_of(value)


@pytest.mark.clause("A3")
def test_an_owner_s_plan_says_what_goes_what_stays_and_until_when() -> None:
    hold = wire.Hold(until=date(2037, 1, 1), basis="tax-law")
    values = (
        held("email", "server"),
        held("payment_record", "server", hold=hold),
        held("device_id", "server", value="one"),
        held("device_name", "server", value="Laptop"),
        held("device_id", "server", value="two"),
        held("device_name", "server", value="Phone"),
    )

    def plan(device: str | None) -> str:
        with printing() as (out, text):
            delete_owner.show_owner_plan(out, delete_owner._owner_plan(values, device))
        return text.getvalue()

    in_order(
        plan(None),
        "the order and all its devices",
        "Goes from the server",
        "Stays at the server",
        "2037",
        "Devices",
        "Laptop",
        "Phone",
        "What stops working",
        "None of your devices can use the VPN any more.",
    )
    assert "nothing that it names" not in plan(None)
    in_order(plan("two"), "one device", "nothing that it names", "Devices", "Phone", "That device can no longer")
    assert "Laptop" not in plan("two")


def test_a_receipt_that_was_saved_is_said_although_another_deletion_still_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    states: list[Any] = [
        SimpleNamespace(state="confirmed", receipt="of the first"),
        SimpleNamespace(state="in_progress", receipt=None),
    ]
    saves: Any = {"of the first": tmp_path / "receipt.json"}
    monkeypatch.setattr(delete, "save_receipt", lambda receipt, *_, **__: saves.get(receipt))
    rocket = SimpleNamespace(rights=SimpleNamespace(resume=lambda: iter(states)))
    call: Any = SimpleNamespace(open=lambda: nullcontext(rocket), out=None)
    for order in (1, -1):
        states[:] = states[::order]
        answer = delete._resume(call, tmp_path / "receipt.json", yes=True)
        assert answer.document["receipt_file"] == tmp_path / "receipt.json"


def test_all_of_a_notice_is_printed_before_somebody_agrees_to_it() -> None:
    notice: Any = SimpleNamespace(
        title="Surveys", policy_version=7, language="en", what="What it is.", why="Why it is.", withdraw="Take back.",
        advice="You need not.", contact="mail@example.org", sha256="seven", fields=("A field.", "Another field."),
        how_long=("A year.",), who=("The operator.", "A company."),
    )  # fmt: skip
    with printing() as (out, text), pytest.raises(ConfirmationNeeded):
        consent._ask(out, notice, "agree", yes=False)
    in_order(
        text.getvalue(), "Surveys, version 7 (en)", "What it is.", "Why it is.", "Which fields", "A field.",
        "Another field.", "How long", "A year.", "Who", "The operator.", "A company.", "Your choice", "Take back.",
        "You need not.", "mail@example.org", "seven",
    )  # fmt: skip


def test_a_correction_says_what_the_server_said_of_it() -> None:
    def said(value: str | None, state: str, problem: str | None = None) -> str:
        outcome = SimpleNamespace(server=SimpleNamespace(state=state, problem=problem, waits_until=None))
        with redirect_stdout(io.StringIO()) as out:
            correct._show(Out(json=False), "language", value, outcome, confirm=False)  # type: ignore[arg-type] # what it looks at
        return " ".join(out.getvalue().split())

    assert said("de", "confirmed") == "The server now holds language = de"
    assert said(None, "confirmed") == "The server holds no language any more."
    assert said("de", "in_progress", "server-unreachable") == (
        "The server took it, and could not be asked whether it holds it (server-unreachable)."
    )


def test_a_line_of_the_app_reads_as_a_line_and_an_event_by_its_fields() -> None:
    line = {"level": "ERROR", "logger": "vpn.tunnel", "message": "it broke", "exception": None}
    assert (
        journal.text(Entry(at=AT, event="log.message", purpose="service", fields=line)) == "ERROR vpn.tunnel: it broke"
    )
    event = Entry(at=AT, event="session.dialled", purpose="service", fields={"region": "de-fra", "attempt": None})
    assert journal.text(event) == "region=de-fra"


def test_an_interrupt_is_a_document_too_where_none_was_printed() -> None:
    for printed in (False, True):
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            where = Out(json=True)
            if printed:
                where.document({"a": 1})
            problems.show_interrupted(where)
        assert (out.getvalue().count("error"), bool(err.getvalue())) == ((0, True) if printed else (1, False))
