"""Policies for tests, made by editing the text of the one that ships; and the lines of what was edited."""

from __future__ import annotations

from importlib import resources

from rocketvpn_sdk.policy import Policy, bundled_policy, parse_policy

TEXT = resources.files("rocketvpn_sdk.policy").joinpath("rocketvpn.toml").read_text("utf-8")
NEWEST = bundled_policy().version
"""The number of the version that ships."""
VERSION = f"version = {NEWEST}"
EFFECTIVE = f"effective = {bundled_policy().document.effective}"
"""Lines of the text that ships, to be replaced: a new version of it changes no test."""

_ACME = """
[[recipient]]
id = "acme"
kind = "third_party"
hosts = ["acme.example"]
safeguard.en = "A contract."
contract = { sha256 = "HASH", signed = 2026-10-01, review_by = 2036-10-01 }
country = "DE"
sentence.en = "A company that helps."

[[recipient]]
id = "sister"
kind = "affiliate"
hosts = ["sister.example"]
safeguard.en = "The group's rules."
sentence.en = "A company of the same group."

"""

_IN_USE = """
[[event]]
id = "app.used"
purpose = "improvement"
fields = ["region", "duration"]
sentence.en = "Something was used."

[[operation]]
id = "survey.invite"
method = "POST"
path = "/v1/invitations"
purpose = "surveys"
recipient = "operator"
identity = "none"
fields = ["contact_email", "erasure_handle"]
sentence.en = "Ask to be invited to surveys."

[[operation]]
id = "usage.tell"
method = "POST"
path = "/v1/usage"
purpose = "improvement"
recipient = "operator"
identity = "none"
fields = ["region"]
sentence.en = "Tell how the service is used."

"""


_SEALED = ("diagnostics.send", "diagnostics.relay", "diagnostics.erase", "diagnostics.relay_erasure")
_ASKED = ("surveys.answer", "surveys.relay", "offers.take")
_SURVEYS = ("survey_id", "survey_question", "survey_choice", "survey_rating", "survey_text", "survey_record")
_OFFERS = ("offer_id", "partner_address", "offer_record")


def without_reports(text: str) -> str:
    """Return a policy's text without what goes without a name: nothing carries what a test changes then."""
    parts = [("recipient", each) for each in ("relay", "partner")]
    parts += [("feature", each) for each in ("diagnostics", "surveys", "offers")]
    parts += [("field", each) for each in ("sealed_message", "relay_address", *_SURVEYS, *_OFFERS)]
    for table, part in (*parts, *(("operation", call) for call in (*_SEALED, *_ASKED))):
        begin, end = span(text, table, part)
        text = text[:begin] + text[end:]
    return text


def span(text: str, table: str, part: str = "") -> tuple[int, int]:
    """Return where a part of the document begins and ends; ``table`` is empty for the header."""
    begin = text.index(f'[[{table}]]\nid = "{part}"\n') if part else text.index(f"[{table}]\n") if table else 0
    end = text.find("\n[", begin + 1)
    return begin, end + 1 if end > 0 else len(text)


def edited(table: str, part: str, old: str, new: str, *, text: str = TEXT) -> str:
    """Return the policy's text with ``old`` replaced by ``new`` in one part of it."""
    begin, end = span(text, table, part)
    block = text[begin:end]
    assert old in block, f"{old!r} is not in {table} {part}"
    return text[:begin] + block.replace(old, new, 1) + text[end:]


def with_new_field() -> str:
    """Return the policy's text with a field ``bound_place`` of a category ``places``, neither of which it had."""
    places = (
        '[[category]]\nid = "places"\ncap = { device = "bound", server = "bound" }\nsentence.en = "Where you are."\n\n'
    )
    text = TEXT.replace("[[category]]", places + "[[category]]", 1)
    begin, end = span(text, "field", "bound_on")
    extra = text[begin:end].replace('"bound_on"', '"bound_place"').replace('"account"', '"places"')
    return text[:begin] + extra + "\n" + text[begin:]


def line_of(text: str, needle: str, begin: int = 0) -> int:
    """Return the line, from 1, on which ``needle`` first stands at or after ``begin``."""
    return text.count("\n", 0, text.index(needle, begin)) + 1


def renumbered(version: int, text: str = TEXT) -> str:
    """Return a policy's text as another version."""
    return edited("", "", f"version = {NEWEST}\n", f"version = {version}\n", text=text)


def first_version() -> Policy:
    """Return the bundled text as version 1, for tests in which later ones come."""
    return parse_policy(renumbered(1))


def sharing_text() -> str:
    """Return a policy's text with a third party and an affiliate that receive three of its fields, for some use."""
    text = without_reports(TEXT).replace(
        "[[recipient]]", _ACME.strip().replace("HASH", "00aa" * 16) + "\n\n[[recipient]]", 1
    )
    for field in ("region", "contact_email", "level"):
        text = edited("field", field, '["operator"]', '["operator", "acme", "sister"]', text=text)
    text = edited("field", "contact_email", 'purposes = ["service"', 'purposes = ["surveys", "service"', text=text)
    return text.replace("[minors]", _IN_USE.lstrip() + "[minors]", 1)


def across_text() -> str:
    """Return a policy's text in which a call uses something across services: the bundled one has none for that."""
    text = edited("field", "region", 'purposes = ["service"', 'purposes = ["cross_service", "service"')
    return with_call(text, "sister.suggest", purpose="cross_service", fields='["region"]')


def with_call(text: str, name: str, *, purpose: str, fields: str) -> str:
    """Return a policy's text with one more call to the operator, which does not say who calls."""
    call = (
        f'[[operation]]\nid = "{name}"\nmethod = "POST"\npath = "/v1/{name}"\npurpose = "{purpose}"\n'
        f'recipient = "operator"\nidentity = "none"\nfields = {fields}\nsentence.en = "A call."\n\n'
    )
    return text.replace("[minors]", call + "[minors]", 1)


def sharing_policy() -> Policy:
    """Return the policy with a third party and an affiliate that receive ``region``, ``level``, ``contact_email``."""
    return parse_policy(sharing_text())
