"""Values in the words of the page: names, days, how long, what was decided, what waits."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from rocketvpn_sdk.policy import Duration, wording
from rocketvpn_sdk.policy.values import BOUND
from rocketvpn_sdk.rights.disclosures import Disclosure
from rocketvpn_sdk.rights.report.describing import UNKNOWN
from rocketvpn_sdk.rights.report.model import HeldValue
from rocketvpn_sdk.text import in_utc, marked, translate, translate_number
from rocketvpn_sdk.text import listed as listed
from rocketvpn_sdk.text import name as name

BASES = {
    "law": marked("because a law demands it"),
    "court": marked("because a court ordered it"),
    "authority": marked("because an authority ordered it"),
    "consent": marked("because you agreed to it"),
}
DECIDED = {
    "granted": marked("agreed"),
    "denied": marked("refused"),
    "withdrawn": marked("taken back"),
    "expired": marked("ended, since it was given for a time"),
    "unset": marked("not decided"),
}
DECIDED_BY = {
    "user": marked("by you"),
    "guardian": marked("by a guardian"),
    "time": marked("by itself"),
    "policy": marked("by a new version of the policy"),
    "unknown": marked("nobody knows by whom"),
}
TOLD = {
    "not_needed": marked("the server need not know"),
    "waiting": marked("the server does not know yet"),
    "told": marked("the server knows"),
}
WAITS = {
    "waiting": marked("waiting for a connection"),
    "waiting_for_user": marked("waiting for you: the server wants a code from an e-mail"),
    "accepted": marked("the server has it and has not finished"),
    "refused": marked("the server refused it"),
}
ASKED = {
    "deletion": marked("deletion"),
    "access": marked("access"),
    "logs": marked("the log"),
    "device": marked("everything about this device"),
    "account": marked("everything"),
    "open": marked("received"),
    "in_progress": marked("being worked on"),
    "fulfilled": marked("done"),
    "denied": marked("refused"),
    "revoked": marked("taken back"),
    "expired": marked("given up, since it took too long"),
}
MONTHS = (
    marked("January"), marked("February"), marked("March"), marked("April"), marked("May"), marked("June"),
    marked("July"), marked("August"), marked("September"), marked("October"), marked("November"), marked("December"),
)  # fmt: skip
_PROBLEMS = {
    "not-bound": marked("This device is not bound to an order, so the server was not asked."),
    "device-revoked": marked(
        "This device was removed from the order, so the server refuses to tell it anything. The order's owner can "
        "still see and delete what it holds, with the order number and a code from an e-mail."
    ),
    "server-unreachable": marked("The server could not be reached, so this part is missing."),
    "server-timeout": marked("The server did not answer in time, so this part is missing."),
    "certificate-untrusted": marked("Whoever answered could not prove to be the server, so this part is missing."),
    "pin-mismatch": marked("Whoever answered could not prove to be the server, so this part is missing."),
    "rate-limited": marked(
        "The server was asked too often and wants some time, so this part is missing. Try again later."
    ),
    "server-error": marked("The server failed to answer as it should, so this part is missing."),
    "request-refused": marked("The server refused to answer this, so this part is missing. Ask the operator why."),
    "authentication-required": marked(
        "This part is held back. A code that is sent to your order's e-mail address shows it."
    ),
    "authentication-cancelled": marked(
        "This part is held back, since the code that was sent to your order's e-mail address was not entered."
    ),
    "authentication-failed": marked("The server did not accept who asked, so this part is missing."),
    "browser-required": marked("The server wants this asked on its web pages, so this part is missing."),
}
_UNDECLARED = marked("The policy does not declare this: {}. Ask the operator.")
_PARTS = {
    "recipient": marked("to whom"),
    "kind": marked("what kind of recipient"),
    "basis": marked("on which ground"),
    "categories": marked("what was given"),
    "field": marked("that it is held"),
    "place": marked("that the server holds it"),
    "until": marked("that it is held for so long"),
    "recipients": marked("who gets it"),
}
_PENDING = {
    "code_needed": marked(
        "{} is to take its place. It counts once the code that was sent there is entered; else it is forgotten on {}."
    ),
    "waiting": marked("{} is to take its place on {}, unless one of your devices calls it off before."),
}
_WITHHELD = {
    "contact_email": marked("your e-mail address"),
    "language": marked("the language that you chose on another device"),
    "payment_record": marked("your payments"),
    "disclosure_record": marked("to whom something about you was given"),
    "erasure_ticket": marked("panic tickets of other devices"),
    "recovery_code": marked("when your recovery code was made"),
}
_CODE_NEEDED = marked("held back: a code that is sent to your order's e-mail address shows it")
_MISSING = marked("The server did not give an answer, so this part is missing ({}).")


def said(table: dict[str, str], word: str) -> str:
    """Return what ``table`` says for ``word``; a word that a server made up stands as it is."""
    return translate(table[word]) if word in table else word


def undeclared(given: Disclosure | HeldValue) -> str:
    """Return a warning about what the policy does not declare; empty where it declares all of it."""
    parts = [translate(_PARTS[part]) for part in given.undeclared]
    return translate(_UNDECLARED).format(", ".join(parts)) if parts else ""


def missing(problem: str) -> str:
    """Return why a part of the report is missing."""
    return translate(_PROBLEMS[problem]) if problem in _PROBLEMS else translate(_MISSING).format(problem)


def withheld(field: str) -> str:
    """Return what the server withholds until the user enters a code."""
    return translate(_WITHHELD[field]) if field in _WITHHELD else name(field)


def moment(at: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return f"{day(at)}, {in_utc(at):%H:%M}"


def day(at: date) -> str:
    """Return a day; of a time, its day in UTC."""
    found = in_utc(at).date() if isinstance(at, datetime) else at
    return translate("{day} {month} {year}").format(
        day=found.day, month=translate(MONTHS[found.month - 1]), year=found.year
    )


def lasting(kept: str) -> str:
    """Return how long something is kept."""
    return translate("nobody says how long") if kept == UNKNOWN else wording.lasting(Duration(kept))


def lasting_shortly(kept: str) -> str:
    """Return the same where there is little room."""
    return translate("while bound") if kept == BOUND else lasting(kept)


def times(number: int) -> str:
    """Return how often."""
    return translate_number("{number} time", "{number} times", number)


def entries(number: int) -> str:
    """Return how many."""
    return translate_number("{number} entry", "{number} entries", number)


def value(held: HeldValue) -> str:
    """Return what is held; of what there is a lot of, how much; of what is withheld, what shows it."""
    if held.code_needed:
        return translate(_CODE_NEEDED)
    if held.count is not None:
        return f"{plain(held.value)} ({entries(held.count)})" if held.value is not None else entries(held.count)
    if held.value is None and held.pending is not None:
        return translate("nothing yet")
    return translate("held, not shown: it is a secret") if held.value is None else plain(held.value)


def pending(held: HeldValue) -> str:
    """Return what is to take the value's place; empty where nothing is."""
    if held.pending is None:
        return ""
    return translate(_PENDING[held.pending.state]).format(plain(held.pending.value), day(held.pending.until))


def plain(found: Any) -> str:
    """Return any value as text."""
    if isinstance(found, bool):
        return translate("yes") if found else translate("no")
    if isinstance(found, datetime):
        return moment(found)
    if isinstance(found, date):
        return day(found)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)
