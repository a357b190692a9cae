"""The demo's report: shown, sent through a relay, and erased."""

from __future__ import annotations

from rocketvpn_sdk.cli.demo import asked
from rocketvpn_sdk.cli.demo.session_lines import PERSONAL
from rocketvpn_sdk.cli.demo.stage import ORDER, AppFailed, Stage
from rocketvpn_sdk.cli.demo.traces import Search
from rocketvpn_sdk.client import RocketVPN

_ASKED = (("improvement", None), ("improvement", "relay"), ("rights", "relay"))


def report(stage: Stage, rocket: RocketVPN) -> None:
    """Report how the app runs, and take the agreement back."""
    stage.narrator.step("You help improve the app, without your name")
    with stage.sandbox.relayed():
        rocket.consent.declare_age(True)
        for purpose, recipient in _ASKED:
            rocket.consent.grant(rocket.consent.notice(purpose, recipient=recipient))
        rocket.journal.record(AppFailed(failure="dns"))
        _send(stage, rocket)
        rocket.consent.withdraw("improvement")
        rocket.sync()
        stage.checks.add(
            "report-is-erased",
            not stage.sandbox.reports and not rocket.status().waiting,
            "You took your agreement back, and the server erased the report, by a random number and not by your name.",
        )
        asked.ask(stage, rocket)


def _send(stage: Stage, rocket: RocketVPN) -> None:
    prepared = rocket.diagnostics.prepare()
    shown = "" if prepared is None else prepared.to_text()
    stage.narrator.say(
        f"You agreed to reports, and to a relay that passes them on. The report was shown whole: {len(shown)} letters."
    )
    if prepared is not None:
        rocket.diagnostics.send(prepared)
        rocket.sync()
    there = stage.sandbox.reports
    stage.checks.add(
        "report-is-what-was-shown",
        prepared is not None and there == [prepared.body.decode()] and shown.endswith(there[0]),
        "What arrived is what was shown, byte for byte.",
    )
    arrived = [each for each in stage.sandbox.requests if each.path == "/v1/logs"]
    content = b"\n".join(repr(each.headers).encode() + each.body for each in arrived)
    found = Search({**PERSONAL, "order number": ORDER, "device number": stage.device_id}).data(content, "report")
    stage.checks.add(
        "report-names-nobody",
        len(arrived) == 1 and not found,
        "It came through the relay, which cannot read it, and nothing in it says who you are.",
    )
