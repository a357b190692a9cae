"""The plain words that go with an export."""

from __future__ import annotations

from rocketvpn_sdk.rights.report import Report
from rocketvpn_sdk.visible import visible

_TEXT = """YOUR DATA

Made on {made_at} UTC, under version {version} of the privacy policy "{policy}".
Questions: {contact}

{server}

What is in this folder

  report.json       everything that is held about you: on your device ("here") and, by its own account,
                    at the server ("there"); and what was sent, by kind ("sent")
  report.html       the same to read in a browser, where there is such a file
  log.csv           the app's log as it was stored on your device, for a spreadsheet
  log.jsonl         the same for programs, one entry to a line
  sent.csv          every call that left your device through this software: when, to whom, why, and which
                    fields went along; never their values
  witness.csv       where else the app's own code connected to, if the app switched its witness on: host, port, which
                    part of the app, how often, first and last day; a row without a host counts those that
                    found no room
  consents.jsonld   what you agreed to or refused, when, and what you were shown (ISO/IEC TS 27560, DPV)
  requests.json     what you asked to have shown or deleted, and how far that is
  disclosures.json  to whom the operator says it gave something about you, and on which basis
  schema/           how the JSON files are built, for programs (JSON Schema)
  manifest.json     each file's size and SHA-256, to check that it is as it was written

Good to know

  Times are in UTC. Each file is of the moment it was written, a moment later than the one before: a log
  that went on meanwhile can have more entries than the report counts.
  In the CSV files a text that a spreadsheet might take for a formula has an apostrophe (') before it, and
  so has a text that begins with one. Take one off, and it is what was stored. log.jsonl has no such marks.
  Keys and passwords are not in here: they are of use to nobody but your device.
  Whoever has this file, unpacked or without a passphrase, can read it. Keep it where only you can.

What it cannot show

{caveats}
"""
_ANSWERED = "The server answered. What it holds about you is in here, by its own account."
_WITHHELD = """THE SERVER'S PART IS NOT WHOLE. It holds these back until you enter a code that is sent to your order's
e-mail address: {fields}.
Export again with such a code to have them, if there are any."""
_SILENT = """THE SERVER'S PART IS MISSING OR NOT WHOLE ({problem}).
What is on your device is here in full. Export again when the server can be reached."""


def readme(report: Report, problem: str | None) -> bytes:
    """Return README.txt; ``problem`` is the code of what kept the server's part from being whole."""
    text = _TEXT.format(
        made_at=f"{report.made_at:%Y-%m-%d %H:%M}",
        version=report.policy_version,
        policy=report.policy_id,
        contact=report.contact,
        server=_server(report, problem),
        caveats="\n".join(f"  {sentence}" for sentence in report.caveats),
    )
    return visible(text, breaks=True).encode()


def _server(report: Report, problem: str | None) -> str:
    if report.withheld:
        return _WITHHELD.format(fields=", ".join(name.replace("_", " ") for name in report.withheld))
    return _SILENT.format(problem=problem) if problem else _ANSWERED
