"""Each kind of mistake in a policy document, and the line that the error names."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.policies import EFFECTIVE, TEXT, VERSION, edited, line_of, span

from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.policy import bundled_policy, parse_policy
from rocketvpn_sdk.policy.checks import check_references


class Mistake(NamedTuple):
    """``old`` becomes ``new`` in a part of the document; the error names the line of ``at`` in that part."""

    name: str
    table: str
    part: str
    old: str
    new: str
    problem: str
    at: str = ""


UNKNOWN = [
    Mistake("header", "", "", "notice_days = 30", "notice_days = 30\nextra = 1", "unknown field `extra`", "extra"),
    Mistake("header, dashed", "", "", "notice_days", "notice-days", "unknown field `notice-days`", "notice-days"),
    Mistake("category", "category", "log", "cap =", "cup = 1\ncap =", "unknown field `cup`", "cup"),
    Mistake("cap", "category", "log", "{ device", '{ cloud = "P1D", device', "unknown field `cloud`", "cap"),
    Mistake("purpose", "purpose", "software", "dpv", "dpw = 1\ndpv", "unknown field `dpw`", "dpw"),
    Mistake("recipient", "recipient", "operator", "kind", "kin = 1\nkind", "unknown field `kin`", "kin = "),
    Mistake("field", "field", "message", "clause", "clauses = 1\nclause", "unknown field `clauses`", "clauses"),
    Mistake("type", "field", "message", "max", "limit", "unknown field `limit`", "type"),
    Mistake("retention", "field", "message", '"P14D" }', '"P14D", cloud = "P1D" }', "field `cloud`", "retention"),
    Mistake("event", "event", "session.failed", "fields", "max = 1\nfields", "unknown field `max`", "max"),
    Mistake("operation", "operation", "token.issue", "names", "aliases", "unknown field `aliases`", "aliases"),
    Mistake("feature", "feature", "log", "purposes", "reasons = 1\npurposes", "unknown field `reasons`", "reasons"),
    Mistake("contract", "recipient", "relay", "{ sha256", "{ md5 = 1, sha256", "unknown field `md5`", "contract"),
    Mistake("minors", "minors", "", "age = 18", "age = 18\nbirthday = true", "unknown field `birthday`", "birthday"),
    Mistake("rights", "rights", "", "offered", "ofered", "unknown field `ofered`", "ofered"),
    Mistake("a table", "rights", "", "[rights]", "[wrongs]\n[rights]", "unknown field `wrongs`", "[wrongs]"),
    Mistake("tables", "rights", "", "[rights]", "[[wrong]]\n[rights]", "unknown field `wrong`", "[[wrong]]"),
]

SHAPES = [
    Mistake("text for a number", "", "", VERSION, 'version = "1"', "Expected `int`, got `str`"),
    Mistake("boolean for a number", "", "", VERSION, "version = true", "Expected `int`, got `bool`"),
    Mistake("text for a date", "", "", EFFECTIVE, 'effective = "soon"', "date"),
    Mistake("a time for a date", "", "", EFFECTIVE, "effective = 2026-11-01T10:00:00Z", "`date`"),
    Mistake("text for a title", "", "", "title.en =", "title =", "Expected `object`, got `str`"),
    Mistake("a number for a title", "", "", 'title.en = "Rocket VPN privacy policy"', "title.en = 3", "Expected `str`"),
    Mistake("text for a list", "field", "message", '["service", "security"]', '"a"', "`array`", "purposes"),
    Mistake("a number in a list", "field", "message", '"security"', "3", "Expected `str`, got `int`", "purposes"),
    Mistake("text for a sentence", "field", "message", "sentence.en =", "sentence =", "Expected `object`"),
    Mistake("text for a type", "field", "clock_mark", '{ kind = "time" }', '"time"', "Expected `object`", "type"),
    Mistake("text for a boolean", "field", "language", "optional = true", 'optional = "yes"', "Expected `bool`"),
    Mistake("a list for names", "operation", "token.issue", '{ refresh_token = "session_token" }', '["a"]',
            "Expected `object`, got `array`", "names"),
    Mistake("text for an age", "minors", "", "age = 18", 'age = "18"', "Expected `int`"),
    Mistake("a list of minors", "minors", "", "[minors]", "[[minors]]", "Expected `object`, got `array`"),
    Mistake("a missing key", "field", "message", 'clause = "C2"\n', "", "missing required field `clause`", "[[field]]"),
    Mistake("a missing id", "field", "message", 'id = "message"\n', "", "missing required field `id`", "[[field]]"),
    Mistake("a missing age", "minors", "", "age = 18\n", "", "missing required field `age`", "[minors]"),
    Mistake("necessity", "purpose", "surveys", '"consent"', '"maybe"', "Invalid enum value 'maybe'", "necessity"),
    Mistake("kind of recipient", "recipient", "operator", 'kind = "operator"', 'kind = "friend"', "Invalid enum value"),
    Mistake("source", "field", "message", '"observed"', '"guessed"', "Invalid enum value 'guessed'", "source"),
    Mistake("kind of field", "field", "message", 'kind = "text"', 'kind = "blob"', "Invalid enum value 'blob'", "type"),
    Mistake("method", "operation", "order.read", '"GET"', '"BREW"', "Invalid enum value 'BREW'", "method"),
    Mistake("identity", "operation", "order.read", '"device"', '"root"', "Invalid enum value 'root'", "identity"),
    Mistake("a duration", "field", "message", '"P14D"', '"14 days"', "not an ISO 8601 duration", "retention"),
    Mistake("a duration without unit", "field", "message", '"P14D"', "14", "expected a text for duration", "retention"),
    Mistake("a cap", "category", "log", '"P90D"', '"P"', "not an ISO 8601 duration", "cap"),
    Mistake("a huge duration", "field", "message", "P14D", "P" + "9" * 400 + "D", "not an ISO 8601", "retention"),
    Mistake("a transform", "field", "message", '"scrub"', '"blur"', "'blur' is no transform", "transform"),
    Mistake("no transform", "field", "message", '"scrub"', "3", "expected a text for transform", "transform"),
    Mistake("its arguments", "field", "recorded_at", "(minute)", "(second)", "does not take", "transform"),
    Mistake("a contract's hash", "recipient", "relay", 'sha256 = "', 'sha256 = "x', "matching regex", "contract"),
    Mistake("a contract's day", "recipient", "relay", "signed = 2026-11-30", 'signed = "soon"', "date", "contract"),
    Mistake("no review", "recipient", "relay", ", review_by = 2029-11-30", "", "field `review_by`", "contract"),
    Mistake("a country", "recipient", "relay", '"CH"', '"Switzerland"', "matching regex", "country"),
    Mistake("a feature's purposes", "feature", "log", '["service"]', '"service"', "Expected `array`", "purposes"),
    Mistake("its order", "field", "duration", "(10, 60,", "(60, 10,", "rising order", "transform"),
]  # fmt: skip

REFERENCES = [
    Mistake("version 0", "", "", VERSION, "version = 0", "the version must be 1 or more"),
    Mistake("version below 0", "", "", VERSION, "version = -1", "the version must be 1 or more"),
    Mistake("effective too early", "", "", EFFECTIVE, "effective = 2026-10-31", "before it is"),
    Mistake("notice below 0", "", "", "notice_days = 30", "notice_days = -1", "0 days or more"),
    Mistake("no title", "", "", 'title.en = "Rocket VPN privacy policy"', "title = {}", "must be there in 'en'"),
    Mistake("a blank title", "", "", '"Rocket VPN privacy policy"', '" "', "must be there in 'en'", "title"),
    Mistake("a title without English", "", "", "title.en", "title.de", "must be there in 'en'", "title"),
    Mistake("category twice", "category", "log", '"log"', '"account"', "category 'account' is declared twice", "id"),
    Mistake("purpose twice", "purpose", "surveys", '"surveys"', '"service"', "'service' is declared twice", "id"),
    Mistake("recipient twice", "recipient", "operator", "[[recipient]]\n", None, "'operator' is declared twice", "id"),
    Mistake("field twice", "field", "logger", '"logger"', '"level"', "field 'level' is declared twice", "id"),
    Mistake("event twice", "event", "session.failed", "session.failed", "log.message", "is declared twice", "id"),
    Mistake("operation twice", "operation", "order.read", "order.read", "server.keys", "is declared twice", "id"),
    Mistake("an empty id", "field", "logger", '"logger"', '""', "'' cannot be the id of a field", "id"),
    Mistake("an id with a slash", "purpose", "surveys", '"surveys"', '"a/b"', "'a/b' cannot be the id", "id"),
    Mistake("the device's name", "recipient", "operator", '"operator"\nkind', '"device"\nkind', "'device'", "id"),
    Mistake("category without sentence", "category", "log", '"Technical records of how the app ran."', '""',
            "the category 'log' has no sentence in en", "sentence"),
    Mistake("purpose without sentence", "purpose", "surveys", "sentence.en", "sentence.de", "no sentence", "sentence"),
    Mistake("recipient without sentence", "recipient", "operator", "sentence.en", "sentence.de", "no sen", "sentence"),
    Mistake("field without sentence", "field", "level", "sentence.en", "sentence.de", "no sentence in en", "sentence"),
    Mistake("event without sentence", "event", "session.failed", "sentence.en", "sentence.de", "no sent", "sentence"),
    Mistake("operation without sentence", "operation", "order.read", "sentence.en", "sentence.de", "no s", "sentence"),
    Mistake("no advice", "minors", "", "advice.en", "advice.de", "the advice for minors is missing in en", "advice"),
    Mistake("no guardian's text", "minors", "", "guardian.en", "guardian.de", "the guardian for minors", "guardian"),
    Mistake("no safeguard", "recipient", "operator", '"Bound by this policy."', '" "', "has no safeguard", "safeguard"),
    Mistake("empty safeguard", "recipient", "operator", 'safeguard.en = "Bound by this policy."', "safeguard = {}",
            "has no safeguard"),
    Mistake("reviewed before it is signed", "recipient", "relay", "review_by = 2029", "review_by = 2019",
            "to be reviewed before it is signed", "contract"),
    Mistake("the operator's contract", "recipient", "operator", 'kind = "operator"',
            f'contract = {{ sha256 = "{"ab" * 32}", signed = 2026-01-01, review_by = 2027-01-01 }}\nkind = "operator"',
            "would block the user's rights", "contract"),
    Mistake("feature twice", "feature", "log", '"log"', '"order"', "feature 'order' is declared twice", "id"),
    Mistake("feature without sentence", "feature", "log", "sentence.en", "sentence.de", "no sentence", "sentence"),
    Mistake("feature's purpose", "feature", "log", '["service"]', '["fun"]', "'fun' is not declared", "purposes"),
    Mistake("feature's field", "feature", "log", '"logger"', '"fun"', "the field 'fun' is not declared", "fields"),
    Mistake("feature's field for something else", "feature", "log", '"logger"', '"clock_mark"',
            "'clock_mark' is not there for any purpose of 'log'", "fields"),
    Mistake("feature's idle purpose", "feature", "log", '["service"]', '["service", "software", "rights"]',
            "no field of 'log' is there for 'rights'", "purposes"),
    Mistake("feature for nothing", "feature", "log", '["service"]', "[]", "for any purpose of 'log'", "fields"),
    Mistake("no purpose", "field", "level", 'purposes = ["service", "security", "improvement"]', "purposes = []",
            "the field 'level' has no purpose"),
    Mistake("field's purpose", "field", "level", '"security"', '"fun"', "purpose 'fun' is not declared", "purposes"),
    Mistake("field's recipient", "field", "level", '["operator"]', '["acme"]', "recipient 'acme' is not", "recipients"),
    Mistake("field's category", "field", "level", '"log"', '"fun"', "the category 'fun' is not declared", "category"),
    Mistake("device over its cap", "field", "level", 'device = "P30D"', 'device = "P91D"',
            "P91D on the device is longer than 'log' allows (P90D)", "retention"),
    Mistake("server over its cap", "field", "level", 'server = "P30D"', 'server = "bound"',
            "bound on the server is longer than 'log' allows (P90D)", "retention"),
    Mistake("truncate_ip", "field", "level", '"keep"', '"truncate_ip"', "truncate_ip does not apply", "transform"),
    Mistake("coarsen_time", "field", "level", '"keep"', '"coarsen_time(day)"', "coarsen_time does not", "transform"),
    Mistake("bucket", "field", "level", '"keep"', '"bucket(1)"', "bucket does not apply", "transform"),
    Mistake("version", "field", "level", '"keep"', '"version(major)"', "version does not apply", "transform"),
    Mistake("pseudonym", "field", "level", '"keep"', '"pseudonym"', "pseudonym does not apply", "transform"),
    Mistake("scrub", "field", "level", '"keep"', '"scrub"', "scrub does not apply", "transform"),
    Mistake("observed text kept", "field", "message", '"scrub"', '"keep"', "observed field of type", "transform"),
    Mistake("observed address kept", "field", "local_address", '"truncate_ip"', '"keep"', "cannot be", "transform"),
    Mistake("observed time kept", "field", "recorded_at", '"coarsen_time(minute)"', '"keep"', "cannot be", "transform"),
    Mistake("enum without values", "field", "protocol", ', values = ["wireguard", "openvpn", "ikev2"]', "",
            "an enum needs its values", "type"),
    Mistake("integer without max", "field", "attempt", ", max = 1000", "", "an integer needs min and max", "type"),
    Mistake("integer without min", "field", "attempt", "min = 0, ", "", "an integer needs min and max", "type"),
    Mistake("bad pattern", "field", "order_number", "[A-Z0-9][A-Z0-9-]{3,39}", "[A-Z", "not a regular expr", "type"),
    Mistake("flags of bytes", "field", "order_number", "[A-Z0-9][A-Z0-9-]{3,39}", "(?L)A", "bad inline", "type"),
    Mistake("nested pattern", "field", "order_number", "[A-Z0-9][A-Z0-9-]{3,39}", "(" * 3000 + ")" * 3000,
            "not a regular expr", "type"),
    Mistake("endless pattern", "field", "order_number", "{3,39}", "{3,99999999999999}", "too large", "type"),
    Mistake("event's purpose", "event", "log.message", '"service"', '"fun"', "names the purpose 'fun'", "fields"),
    Mistake("event's field", "event", "log.message", '"logger"', '"mood"', "has the field 'mood'", "fields"),
    Mistake("event's field for another purpose", "event", "session.failed", '"attempt"', '"traffic"',
            "uses the field 'traffic' for 'security'", "fields"),
    Mistake("event's field not kept here", "event", "log.message", '"logger"', '"language"',
            "does not keep on the device", "fields"),
    Mistake("operation's purpose", "operation", "order.read", '"service"', '"fun"', "purpose 'fun' is not", "purpose"),
    Mistake("operation's recipient", "operation", "order.read", '"operator"', '"acme"', "'acme' is not", "recipient"),
    Mistake("operation's field", "operation", "data.correct", '"language"', '"mood"', "'mood' is not", "fields"),
    Mistake("operation's field for another purpose", "operation", "data.correct", '"language"', '"region"',
            "'region' is not there for 'rights'", "fields"),
    Mistake("operation's field that stays here", "operation", "tunnel.register", '"region"', '"message"',
            "'message' may not go to 'operator'", "fields"),
    Mistake("operation's names", "operation", "token.issue", '= "session_token" }', '= "device_id" }',
            "stands for 'device_id', which is not in its fields", "names"),
    Mistake("operation's path", "operation", "rights.status", "protocol.request_id", "protocol.other",
            "{request_id} in the path is not declared", "path"),
    Mistake("a dropped field in a call", "operation", "tunnel.register", '"region"', '"public_address"',
            "the field 'public_address' leaves nothing to send: drop", "fields"),
    Mistake("what is not there, exactly", "operation", "tunnel.register", "names =", 'exact = ["level"]\nnames =',
            "'level' is not in its fields", "exact"),
    Mistake("a field's name as a word", "operation", "token.issue", "protocol.code", "protocol.language",
            "the protocol's member 'language' has the name of a field", "protocol"),
    Mistake("a word that stands for a field", "operation", "token.issue", "protocol.code", "protocol.refresh_token",
            "the protocol's member 'refresh_token' stands for a field, too", "protocol"),
    Mistake("a word without end", "operation", "rights.list", "sentence", 'protocol.x = { kind = "text" }\nsentence',
            "the protocol's member 'x' needs max or pattern", "protocol"),
    Mistake("a word's choices", "operation", "token.issue", ', values = ["authorization_code", "refresh_token"]', "",
            "the protocol's member 'grant_type': an enum needs its values", "protocol"),
    Mistake("a word's bounds", "operation", "consents.put", ", max = 9007199254740991", "",
            "'policy_version': an integer needs min and max", "protocol"),
    Mistake("a word's pattern", "operation", "consents.put", "[0-9a-f]{64}", "[0-9", "not a regular expr", "protocol"),
    Mistake("a list of none", "field", "language", "pattern", "most = 0, pattern", "most must be 1 or more", "type"),
]  # fmt: skip


def refused(text: str) -> PolicyInvalid:
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text, path="own.toml")
    assert caught.value.__cause__ is None
    assert caught.value.params["path"] == "own.toml"
    line = caught.value.params["line"]
    assert str(caught.value).startswith(f"own.toml, line {line}: " if line else "own.toml: ")
    return caught.value


def made(mistake: Mistake) -> tuple[str, int]:
    """Return the text with the mistake, and where to look for its line."""
    begin, end = span(TEXT, mistake.table, mistake.part)
    if mistake.new is None:  # the whole part, once more
        return TEXT[:end] + TEXT[begin:end] + TEXT[end:], end
    return edited(mistake.table, mistake.part, mistake.old, mistake.new), begin


@pytest.mark.parametrize("mistake", UNKNOWN + SHAPES + REFERENCES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_named_with_its_line(mistake: Mistake):
    text, begin = made(mistake)
    error = refused(text)
    assert mistake.problem in error.params["problem"]
    needle = mistake.at or mistake.new
    # A key stands at the beginning of its line; a table's header does, too.
    found = re.search(rf"^{re.escape(needle)}", text[begin:], re.MULTILINE)
    assert found, needle
    assert error.params["line"] == line_of(text, needle, begin + found.start())


def test_there_are_many_kinds_of_mistake():
    names = [mistake.name for mistake in UNKNOWN + SHAPES + REFERENCES]
    assert len(names) > 90


@pytest.mark.parametrize("key", ["policy_id", "version", "published", "effective", "contact"])
def test_a_key_that_the_header_lacks_has_no_line(key: str):
    error = refused(re.sub(rf"^{key} = .*\n", "", TEXT, count=1, flags=re.MULTILINE))
    assert (error.params["line"], f"`{key}`" in error.params["problem"]) == (0, True)


# ---------------------------------------------------------------- not TOML


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        (f"{VERSION}\n", "version = \n", "version ="),
        (f"{VERSION}\n", f"{VERSION}\nversion = 99\n", "version = 99"),
        ("age = 18", 'age = "18', 'age = "18'),
        ('"disclosures.account"]', '"disclosures.account"', "step_up"),
        ("policy_id", "policy id", "policy id"),
    ],
)
def test_what_is_not_toml(old: str, new: str, at: str):
    text = TEXT.replace(old, new, 1)
    error = refused(text)
    assert error.params["line"] == line_of(text, at)
    assert "not TOML" in error.params["problem"]


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "9" * 5_000])
def test_what_tomllib_cannot_bear(text: str):
    assert "too long, or it is too deep" in refused(text).params["problem"]


def test_an_empty_file():
    assert "missing required field" in refused("").params["problem"]


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_invalid(text: str):
    refused(text)


@settings(max_examples=25)  # each of them reads the whole document
@given(data=st.data())
def test_a_line_taken_out_is_never_anything_but_a_policy_or_invalid(data: st.DataObject):
    lines = TEXT.split("\n")
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    try:
        parse_policy("\n".join(lines))
    except PolicyInvalid as caught:
        found = caught.params["line"]
    else:
        found = 0
    assert 0 <= found <= len(lines)


# ---------------------------------------------------------------- more than one


def test_every_mistake_is_found_not_only_the_first():
    document = bundled_policy().document
    field, event, operation = document.field[-1], document.event[0], document.operation[0]
    last = len(document.field) - 1
    broken = replace(
        document,
        version=0,
        field=(*document.field[:-1], replace(field, category="fun", purposes=("play",))),
        event=(replace(event, purpose="fun"), *document.event[1:]),
        operation=(replace(operation, purpose="fun", recipient="friend", fields=("mood",)), *document.operation[1:]),
    )
    assert [finding[:3] for finding in check_references(broken)] == [
        ("", 0, "version"),
        ("field", last, "purposes"),
        ("field", last, "category"),
        ("event", 0, "fields"),
        ("operation", 0, "purpose"),
        ("operation", 0, "recipient"),
        ("operation", 0, "fields"),
    ]
    assert list(check_references(document)) == []


# ---------------------------------------------------------------- the clauses that these checks hold


@pytest.mark.clause("S2")
def test_a_recipient_without_a_safeguard_is_refused():
    assert "(S2)" in str(refused(edited("recipient", "operator", '"Bound by this policy."', '""')))


@pytest.mark.clause("R1")
def test_a_retention_over_its_category_s_cap_is_refused():
    assert "is longer than" in str(refused(edited("field", "message", "P14D", "P10Y")))


@pytest.mark.clause("U7")
def test_a_field_without_a_purpose_or_with_an_undeclared_one_is_refused():
    for purposes in ("[]", '["anything"]'):
        refused(edited("field", "message", '["service", "security"]', purposes))


@pytest.mark.clause("S1")
def test_no_third_party_passes_for_the_device_itself():
    # decide() asks no consent for what stays on the device, and knows the device by this name.
    assert "cannot be the id" in str(refused(edited("recipient", "operator", 'id = "operator"', 'id = "device"')))


@pytest.mark.clause("P1", "M3")
def test_a_language_of_the_title_is_a_language_of_everything():
    text = edited("", "", "title.en", 'title.de = "Datenschutz"\ntitle.en')
    for table in ("category", "purpose", "recipient", "field", "event", "operation", "feature", "vocabulary"):
        error = refused(text)
        assert f"the {table} " in str(error)
        assert "no sentence in de" in str(error)
        part = re.compile(rf"(\[\[{table}\]\]\n(?:(?!\n\[).)*?)(?=sentence\.en)", re.DOTALL)
        text = part.sub(r'\1sentence.de = "x"\n', text)
    for key in ("advice", "guardian"):
        assert f"the {key} for minors is missing in de (M3)" in str(refused(text))
        text = text.replace(f"{key}.en", f'{key}.de = "x"\n{key}.en')
    assert parse_policy(text).document.title["de"] == "Datenschutz"


def test_an_event_keeps_single_values():
    error = refused(edited("field", "attempt", "max = 1000", "max = 1000, most = 2"))
    assert error.params["problem"].endswith("'attempt', which is a list: an event keeps single values")
