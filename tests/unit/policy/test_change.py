"""What counts as a reduction of rights: pairs of policies, and what the comparison has to say about each."""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

import msgspec
import pytest
from support.policies import EFFECTIVE, VERSION, edited, sharing_text, span

from rocketvpn_sdk.policy import Policy, PolicyChange, bundled_policy, compare, parse_policy
from rocketvpn_sdk.policy.findings import OPPOSITE, Kind
from rocketvpn_sdk.policy.findings.rows import ROWS as TABLE
from rocketvpn_sdk.policy.findings.rows import SENTENCES

BEAT = """
[[operation]]
id = "app.beat"
method = "POST"
path = "/v1/beat"
purpose = "service"
recipient = "operator"
identity = "device"
fields = ["duration", "attempt", "recorded_at"]
protocol.note = { kind = "text", max = 8 }
protocol.tries = { kind = "integer", min = 0, max = 9 }
names = { again = "attempt" }
exact = ["duration"]
sentence.en = "Say that it runs."
""".lstrip()
TEXT = sharing_text().replace("[[operation]]", f"{BEAT}\n[[operation]]", 1)
OLD = parse_policy(TEXT)

Edit = tuple[str, str, str, str]
"""Table, part, what stood there, what stands there now."""


class Row(NamedTuple):
    """Edits that make the new policy of the old one, and the kinds of difference that come of them."""

    name: str
    edits: list[Edit]
    widened: set[str]
    narrowed: set[str]
    needed: frozenset[str] = frozenset()


def field(part: str, old: str, new: str) -> Edit:
    return "field", part, old, new


def beat(old: str, new: str) -> Edit:
    return "operation", "app.beat", old, new


def new_field(name: str, **keys: str) -> Edit:
    """Add a field that the user types in, for ``service``, to the operator."""
    values = {
        "category": '"account"', "clause": '"C3"', "source": '"user"', "type": '{ kind = "text", max = 60 }',
        "transform": '"keep"', "purposes": '["service"]', "recipients": '["operator"]',
        "retention": '{ device = "P1D", server = "P1D" }', "dpv": '"pd:New"', "sentence": '{ en = "Something new." }',
    } | keys  # fmt: skip
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    return "", "", "", f'[[field]]\nid = "{name}"\n{lines}\n'


def new_operation(name: str, **keys: str) -> Edit:
    values = {
        "method": '"POST"', "path": f'"/v1/{name}"', "purpose": '"service"', "recipient": '"operator"',
        "identity": '"none"', "sentence": '{ en = "A call." }',
    } | keys  # fmt: skip
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    return "", "", "", f'[[operation]]\nid = "{name}"\n{lines}\n'


NEW_PURPOSE = (
    '[[purpose]]\nid = "roaming"\nclause = "U7"\nnecessity = "necessary"\ndpv = "dpv:Purpose"\n'
    'sentence.en = "To roam."\n\n'
)
NEW_RECIPIENT = (
    '[[recipient]]\nid = "helper"\nkind = "affiliate"\nhosts = ["h.example"]\nsafeguard.en = "A contract."\n'
    'sentence.en = "A helper."\n\n'
)

CONTRACT = f'contract = {{ sha256 = "{"ab" * 32}", signed = 2026-10-01, review_by = 2036-10-01 }}'


def acme(old: str, new: str) -> Edit:
    return "recipient", "acme", old, new


def tunnel(old: str, new: str) -> Edit:
    return "feature", "tunnel", old, new


NEEDED = frozenset({"call_necessary"})

NO_CHANGE = [
    Row("the same", [], set(), set()),
    Row("version and dates", [("", "", VERSION, "version = 99"),
                              ("", "", EFFECTIVE, "effective = 2027-01-01")], set(), set()),
    Row("other host names", [("recipient", "operator", '["api.rocketvpn.example"]', '["new.example", "two.example"]'),
                             ("recipient", "acme", '["acme.example"]', '["other.example"]')], set(), set()),
    Row("purposes in another order", [field("level", '["service", "security", "improvement"]',
                                            '["improvement", "service", "security"]')], set(), set()),
    Row("recipients in another order", [field("level", '["operator", "acme", "sister"]',
                                              '["sister", "operator", "acme"]')], set(), set()),
    Row("choices in another order", [field("protocol", '"wireguard", "openvpn"', '"openvpn", "wireguard"')],
        set(), set()),
    Row("rights in another order", [("rights", "", '"access", "correction"', '"correction", "access"')], set(), set()),
    Row("the same length, written otherwise", [field("message", '"P14D"', '"P2W"')], set(), set()),
    Row("better sentences", [field("level", "How serious a log line is.", "How serious a line of the log is."),
                             ("operation", "app.beat", "it runs", "it still runs")], set(), set()),
    Row("another contact", [("", "", 'contact = "https://rocketv.org/"', 'contact = "https://new.example/"')],
        set(), set()),
    Row("another category and clause", [field("level", '"log"', '"record"'), field("level", '"C2"', '"C3"')],
        set(), set()),
    Row("a higher cap alone", [("category", "log", 'device = "P90D"', 'device = "P365D"')], set(), set()),
    Row("another path", [("operation", "order.read", "/v1/order", "/v2/order")], set(), set()),
    Row("a call that carries nothing", [new_operation("ping")], set(), set(), NEEDED),
    Row("a call that carries what went there before",
        [new_operation("other", fields='["region"]', identity='"device"')], set(), set(), NEEDED),
    Row("a call that carries nothing, in the name of others for that",
        [new_operation("ping", purpose='"security"', identity='"key"')], set(), set(), NEEDED),
    Row("a call whose own words leave no room",
        [new_operation("ping", protocol='{ kind = { kind = "enum", values = ["a", "b"] } }')], set(), set(), NEEDED),
    Row("one of the software's own calls, in another way, for rights",
        [("operation", "rights.cancel", 'method = "DELETE"', 'method = "POST"'),
         ("operation", "rights.cancel", "/{request_id}", "/{request_id}/cancel")], set(), set()),
    Row("a feature needs what nobody can refuse", [tunnel('"region"', '"region", "device_id"')], set(), set()),
    Row("a wider type of what is dropped", [field("browser_cookie", "max = 4096", "max = 8192")], set(), set()),
]  # fmt: skip

WIDENED = [
    Row("an observed field", [new_field("mood", source='"observed"', transform='"scrub"')], {"field_added"}, set()),
    Row("a field of the software", [new_field("mood", source='"sdk"')], {"field_added"}, set()),
    Row("an optional field", [new_field("mood", optional="true")], {"field_added"}, set()),
    Row("a field by consent", [new_field("mood", purposes='["surveys"]')], {"field_added"}, set()),
    Row("a field for a new purpose", [("", "", "", NEW_PURPOSE), new_field("mood", purposes='["roaming"]')],
        {"field_added", "purpose_added"}, set()),
    Row("a field for a purpose that just became necessary",
        [("purpose", "surveys", '"consent"', '"necessary"'), new_field("mood", purposes='["surveys"]')],
        {"field_added", "consent_no_longer_asked"}, set()),
    Row("a field for a third party", [new_field("mood", recipients='["acme"]', retention='{ server = "P1D" }')],
        {"field_added"}, set()),
    Row("a field for a third party that just became an affiliate",
        [("recipient", "acme", '"third_party"', '"affiliate"'),
         new_field("mood", recipients='["acme"]', retention='{ server = "P1D" }')],
        {"field_added", "consent_no_longer_asked"}, {"recipient_stronger"}),
    Row("a field for somebody new", [("", "", "", NEW_RECIPIENT),
                                     new_field("mood", recipients='["helper"]', retention='{ server = "P1D" }')],
        {"field_added", "recipient_added"}, set()),
    Row("what could be left out, under a new name and necessary",
        [new_field("address", dpv='"pd:EmailAddress"')], {"field_added"}, set()),
    Row("a new purpose", [("", "", "", NEW_PURPOSE)], {"purpose_added"}, set()),
    Row("a purpose for a field", [field("message", '["service", "security"]', '["service", "security", "software"]')],
        {"purpose_added"}, set()),
    Row("a new recipient", [("", "", "", NEW_RECIPIENT)], {"recipient_added"}, set()),
    Row("a recipient for a field", [field("failure", '["operator"]', '["operator", "sister"]')],
        {"recipient_added"}, set()),
    Row("kept longer here", [field("message", '"P14D"', '"P15D"')], {"kept_longer"}, set()),
    Row("kept here at all", [field("language", '{ server', '{ device = "P1D", server')], {"kept_longer"}, set()),
    Row("kept while bound", [field("rights_request", 'device = "P3Y"', 'device = "bound"')], {"kept_longer"}, set()),
    Row("kept longer there", [field("level", 'server = "P30D"', 'server = "P31D"')], {"kept_longer_on_server"}, set()),
    Row("kept there at all", [field("queue_item", '{ device = "bound" }', '{ device = "bound", server = "P1D" }')],
        {"kept_longer_on_server"}, set()),
    Row("a finer time", [field("bound_on", "(day)", "(hour)")], {"minimised_less"}, set()),
    Row("a finer range", [field("duration", "(10, 60,", "(10, 30, 60,")], {"minimised_less"}, set()),
    Row("a finer version", [field("app_version", '"version(major.minor)"', '"version(major)"'),
                            field("platform_version", '"version(major.minor)"', '"version(major)"')],
        set(), {"minimised_more"}),
    Row("no longer dropped", [field("public_address", '"drop"', '"truncate_ip"')], {"minimised_less"}, set()),
    Row("no longer minimised", [field("duration", '"bucket(10, 60, 300, 1800, 7200, 28800)"', '"keep"')],
        {"minimised_less"}, set()),
    Row("another range", [field("duration", "(10, 60,", "(20, 60,")], {"minimised_otherwise"}, set()),
    Row("a stand-in instead of the network", [field("local_address", '"truncate_ip"', '"pseudonym"')],
        {"minimised_otherwise"}, set()),
    Row("more choices", [field("protocol", '"ikev2"', '"ikev2", "tor"')], {"minimised_less"}, set()),
    Row("a wider number", [field("attempt", "max = 1000", "max = 1001")], {"minimised_less"}, set()),
    Row("a lower number", [field("attempt", "min = 0", "min = -1")], {"minimised_less"}, set()),
    Row("a longer text", [field("message", "max = 4096", "max = 4097")], {"minimised_less"}, set()),
    Row("a text without end", [field("device_public_key", ", max = 200", "")], {"minimised_less"}, set()),
    Row("no pattern", [field("order_number", ', pattern = "[A-Z0-9][A-Z0-9-]{3,39}"', "")], {"minimised_less"}, set()),
    Row("another pattern", [field("order_number", "{3,39}", "{3,40}")], {"minimised_otherwise"}, set()),
    Row("another kind", [field("device_name", '"text", max = 60', '"email"')], {"minimised_otherwise"}, set()),
    Row("watched instead of asked", [field("language", '"user"', '"observed"'), field("language", '"keep"', '"scrub"')],
        {"source_changed"}, {"minimised_more"}),
    Row("it stands for something else", [field("region", "pd:Region", "pd:Location")], {"meaning_changed"}, set()),
    Row("a purpose stands for something else", [("purpose", "surveys", "dpv:Improve", "dpv:Sell")],
        {"meaning_changed"}, set()),
    Row("no longer correctable", [field("language", "correctable = true\n", "")], {"no_longer_correctable"}, set()),
    Row("no longer optional", [field("language", "optional = true\n", "")], {"no_longer_optional"}, set()),
    Row("it stays when a device goes", [field("device_name", 'belongs = "device"\n', "")],
        {"deleted_with_order"}, set()),
    Row("it goes with a device", [field("language", "optional = true\n", 'optional = true\nbelongs = "device"\n')],
        set(), {"deleted_with_device"}),
    Row("no longer asked", [("purpose", "improvement", '"consent"', '"necessary"')],
        {"consent_no_longer_asked"}, set()),
    Row("a third party becomes the operator", [acme('"third_party"', '"operator"'), acme("contract = {", "# {")],
        {"consent_no_longer_asked", "contract_removed"}, {"recipient_stronger"}),
    Row("the operator becomes an affiliate", [("recipient", "operator", 'kind = "operator"', 'kind = "affiliate"')],
        {"recipient_weaker"}, set()),
    Row("an affiliate becomes a third party", [("recipient", "sister", '"affiliate"', '"third_party"')],
        {"recipient_weaker"}, {"consent_asked"}),
    Row("something else binds", [("recipient", "acme", "A contract.", "A handshake.")], {"safeguard_changed"}, set()),
    Row("sent for the first time", [new_operation("other", fields='["failure"]')],
        {"sent_anew", "call_added"}, set()),
    Row("sent for the first time, by a call that was there",
        [("operation", "tunnel.register", '"region"]', '"region", "failure"]')], {"sent_anew"}, set()),
    Row("sent with a name", [("operation", "tunnel.register", '"device"', '"user"')], {"identity_added"}, set()),
    Row("a call that named nobody, where others for the same do",
        [("operation", "tuf.metadata", '"none"', '"device"'), new_operation("ping", purpose='"software"',
         identity='"device"')], {"identity_added", "call_added"}, set()),
    Row("a call that named nobody, by another name", [("operation", "server.metadata", '"none"', '"device"'),
        ("operation", "server.metadata", 'id = "server.metadata"', 'id = "server.doors"')],
        {"call_added"}, {"call_removed"}),
    Row("a call that named nobody, beside one that does", [("operation", "server.metadata", '"none"', '"device"')],
        {"identity_added"}, set()),
    Row("a call that named nobody, and carries something now",
        [("operation", "server.keys", 'identity = "none"', 'identity = "device"\nfields = ["consent_record"]')],
        {"identity_added"}, set()),
    Row("a call that carries nothing, with a name", [new_operation("ping", identity='"user"')],
        {"call_added"}, set()),
    Row("the first call for a purpose, with a key", [new_operation("ping", purpose='"improvement"', identity='"key"')],
        {"call_added"}, set()),
    Row("a call that needs no agreement, with room for a text",
        [new_operation("ping", protocol='{ note = { kind = "text", max = 20 } }')], {"call_added"}, set()),
    Row("a call that needs no agreement, whose words are of the older form",
        [new_operation("ping", protocol='["note"]')], {"call_added"}, set()),
    Row("a call that sends exactly what others minimise",
        [new_operation("ping", fields='["recorded_at"]', exact='["recorded_at"]', identity='"device"')],
        {"call_added"}, set()),
    Row("a call for something else", [("operation", "order.read", '"service"', '"security"')],
        {"call_purpose_changed"}, set()),
    Row("a call to somebody else", [("operation", "order.read", '"operator"', '"sister"')],
        {"call_recipient_changed"}, set()),
    Row("a word more in a call", [beat("protocol.tries", "protocol.notes = { kind = \"boolean\" }\nprotocol.tries")],
        {"call_carries_more"}, set()),
    Row("a longer word in a call", [beat("max = 8", "max = 9")], {"call_carries_more"}, set()),
    Row("several words instead of one", [beat("max = 8", "max = 8, most = 3")], {"call_carries_other"}, set()),
    Row("another kind of word", [beat('"text", max = 8', '"secret", max = 8')], {"call_carries_other"}, set()),
    Row("words of the older form", [beat("protocol.note = { kind = \"text\", max = 8 }\n"
        "protocol.tries = { kind = \"integer\", min = 0, max = 9 }\n", 'protocol = ["note", "tries"]\n')],
        {"call_carries_more"}, set()),
    Row("a second name for what goes along", [beat('again =', 'once_more = "attempt", again =')],
        {"call_carries_more"}, set()),
    Row("a name for something else", [beat('"attempt" }', '"duration" }')], {"call_carries_other"}, set()),
    Row("a word becomes a field", [beat("protocol.tries = { kind = \"integer\", min = 0, max = 9 }\n", ""),
        beat('again =', 'tries = "attempt", again =')], {"call_carries_other"}, set()),
    Row("sent exactly", [beat('["duration"]', '["duration", "recorded_at"]')], {"sent_exactly"}, set()),
    Row("a field as a list", [field("language", "pattern", "most = 2, pattern")], {"minimised_otherwise"}, set()),
    Row("any text, although it is dropped now",
        [field("failure", '"keep"', '"drop"'), field("failure", 'kind = "enum"', 'kind = "text", max = 99')],
        {"minimised_less"}, {"minimised_more"}),
    Row("a purpose in other words", [("purpose", "surveys", "take part in", "answer")], {"purpose_reworded"}, set()),
    Row("used for more, and sent for that",
        [field("failure", '"improvement"]', '"improvement", "software"]'),
         new_operation("other", purpose='"software"', fields='["failure"]')], {"purpose_added", "call_added"}, set()),
    Row("something sent anew, and the rest with a name",
        [("operation", "tunnel.register", '["tunnel_public_key"', '["failure", "tunnel_public_key"'),
         ("operation", "tunnel.register", '"device"', '"user"')], {"sent_anew", "identity_added"}, set()),
    Row("a purpose in front, and the next is no longer asked for",
        [("", "", '[[purpose]]\nid = "service"', NEW_PURPOSE + '[[purpose]]\nid = "service"'),
         ("purpose", "improvement", '"consent"', '"necessary"')], {"purpose_added", "consent_no_longer_asked"}, set()),
    Row("a recipient in front, and the next is weaker",
        [("", "", '[[recipient]]\nid = "acme"', NEW_RECIPIENT + '[[recipient]]\nid = "acme"'),
         ("recipient", "operator", 'kind = "operator"', 'kind = "affiliate"')],
        {"recipient_added", "recipient_weaker"}, set()),
    Row("a right less", [("rights", "", ', "portability"', "")], {"right_removed"}, set()),
    Row("no proof of who asks", [("rights", "", '"correction.account", ', "")],
        {"step_up_removed"}, set()),
    Row("announced later", [("", "", "notice_days = 30", "notice_days = 29")], {"notice_shorter"}, set()),
    Row("minors up to a lower age", [("minors", "", "age = 18", "age = 17")], {"minor_age_lowered"}, set()),
    Row("no contract any more", [acme("contract = { ", "# ")], {"contract_removed"}, set()),
    Row("another contract", [acme('"00aa', '"11bb')], {"contract_changed"}, set()),
    Row("signed on another day", [acme("signed = 2026-10-01", "signed = 2026-09-01")], {"contract_changed"}, set()),
    Row("reviewed later", [acme("2036-10-01", "2036-10-02")], {"review_later"}, set()),
    Row("another contract, reviewed later", [acme('"00aa', '"11bb'), acme("2036-10-01", "2036-10-02")],
        {"contract_changed", "review_later"}, set()),
    Row("in another country", [acme('"DE"', '"US"')], {"country_changed"}, set()),
    Row("in a country that is not told", [acme('country = "DE"\n', "")], {"country_withheld"}, set()),
    Row("a feature needs a consent", [tunnel('["service"]', '["service", "improvement"]')],
        {"feature_needs_more"}, set()),
    Row("a feature needs what can be left out", [tunnel('"region"', '"region", "contact_email"')],
        {"feature_needs_more"}, set()),
    Row("a feature is not named any more", [("", "", '[[feature]]\nid = "tunnel"', '[[feature]]\nid = "tube"')],
        {"feature_removed"}, {"feature_added"}),
]  # fmt: skip

NARROWED = [
    Row("a contract", [("recipient", "sister", 'kind =', f'{CONTRACT}\nkind =')], set(), {"contract_added"}),
    Row("reviewed sooner", [acme("2036-10-01", "2036-09-30")], set(), {"review_sooner"}),
    Row("the country is told", [("recipient", "sister", "kind =", 'country = "FR"\nkind =')], set(), {"country_told"}),
    Row("a feature needs less that can be refused",
        [("feature", "codes", '["contact_email", "verification_code"]', '["verification_code"]')],
        set(), {"feature_needs_less"}),
    Row("a purpose less for a field", [field("level", ', "improvement"', "")], set(), {"purpose_removed"}),
    Row("a recipient less for a field", [field("level", ', "sister"', "")], set(), {"recipient_removed"}),
    Row("kept for less time here", [field("message", '"P14D"', '"P13D"')], set(), {"kept_shorter"}),
    Row("no longer kept here", [field("consent_record", 'device = "bound", ', "")], set(), {"kept_shorter"}),
    Row("kept for less time there", [field("region", 'server = "P30D"', 'server = "P1D"')],
        set(), {"kept_shorter_on_server"}),
    Row("no longer kept there", [field("failure", ', server = "P30D"', "")], set(), {"kept_shorter_on_server"}),
    Row("a coarser time", [field("recorded_at", "(minute)", "(hour)")], set(), {"minimised_more"}),
    Row("dropped", [field("message", '"scrub"', '"drop"')], set(), {"minimised_more"}),
    Row("fewer choices", [field("protocol", ', "ikev2"', "")], set(), {"minimised_more"}),
    Row("a shorter text", [field("message", "max = 4096", "max = 100")], set(), {"minimised_more"}),
    Row("correctable", [field("order_number", 'dpv =', "correctable = true\ndpv =")], set(), {"correctable_added"}),
    Row("optional", [field("order_number", 'dpv =', "optional = true\ndpv =")], set(), {"optional_added"}),
    Row("asked", [("purpose", "software", '"necessary"', '"consent"')], set(), {"consent_asked"}),
    Row("an affiliate becomes the operator", [("recipient", "sister", '"affiliate"', '"operator"')],
        set(), {"recipient_stronger"}),
    Row("sent without a name", [("operation", "tunnel.register", '"device"', '"none"')], set(), {"identity_removed"}),
    Row("a call names nobody any more, where others do", [("operation", "order.read", '"device"', '"none"')],
        set(), {"identity_removed"}),
    Row("a call less", [beat(BEAT, "")], set(), {"call_removed", "sent_no_more"}),
    Row("a word less in a call", [beat("protocol.tries = { kind = \"integer\", min = 0, max = 9 }\n", "")],
        set(), {"call_carries_less"}),
    Row("minimised before it is sent", [beat('["duration"]', "[]")], set(), {"sent_minimised"}),
    Row("choices instead of a text", [beat('"text", max = 8', '"enum", values = ["a", "b"]')],
        set(), {"call_carries_less"}),
    Row("no longer sent", [("operation", "tunnel.register", ', "region"]', "]")], set(), {"sent_no_more"}),
    Row("a proof of who asks", [("rights", "", "step_up = [", 'step_up = ["withdrawal", ')],
        set(), {"step_up_added"}),
    Row("announced earlier", [("", "", "notice_days = 30", "notice_days = 60")], set(), {"notice_longer"}),
    Row("minors up to a higher age", [("minors", "", "age = 18", "age = 21")], set(), {"minor_age_raised"}),
]  # fmt: skip

MIXED = [
    Row("longer here, shorter there", [field("level", '"P30D", server = "P30D"', '"P31D", server = "P29D"')],
        {"kept_longer"}, {"kept_shorter_on_server"}),
    Row("one purpose for another", [field("message", '"security"', '"software"')],
        {"purpose_added"}, {"purpose_removed"}),
    Row("one recipient for another", [field("failure", '["operator"]', '["sister"]')],
        {"recipient_added"}, {"recipient_removed"}),
    Row("coarser, and kept longer", [field("recorded_at", "(minute)", "(day)"),
                                     field("recorded_at", 'device = "P30D"', 'device = "P90D"')],
        {"kept_longer"}, {"minimised_more"}),
    Row("one right for another", [("rights", "", '"access", "correction"', '"correction"'),
                                  ("rights", "", '"correction.account", ', "")],
        {"right_removed", "step_up_removed"}, set()),
    Row("a field renamed", [("", "", '"traffic"', '"volume"')], {"field_added"}, {"field_removed"}),
    Row("a purpose renamed", [("", "", '"cross_service"', '"elsewhere"')], {"purpose_added"}, {"purpose_removed"}),
    Row("a recipient renamed", [("", "", '"sister"', '"cousin"')],
        {"recipient_added"}, {"recipient_removed"}),
]  # fmt: skip

ROWS = NO_CHANGE + WIDENED + NARROWED + MIXED


def applied(edits: list[Edit], text: str = TEXT) -> str:
    """Return the text after ``edits``; an edit of no part adds its text, or renames everywhere."""
    for table, part, old, new in edits:
        if not table and not old:
            at = text.index("[[field]]") if new.startswith("[[field]]") else text.index("[[operation]]")
            at = span(text, "field", "order_number")[0] if not new.startswith("[[operation]]") else at
            text = text[:at] + new + text[at:]
        elif not table and (old.startswith("[[") or re.fullmatch('"[a-z_]+"', old)):
            text = text.replace(old, new)
        else:
            text = edited(table, part, old, new, text=text)
    return text


def kinds(change: PolicyChange) -> tuple[set[str], set[str]]:
    return {each.kind for each in change.widened}, {each.kind for each in change.narrowed}


@pytest.mark.clause("X2")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_change_takes_and_gives(row: Row):
    change = compare(OLD, parse_policy(applied(row.edits)))
    assert kinds(change) == (row.widened, row.narrowed)
    assert change.reduces_rights is bool(row.widened)
    assert {each.kind for each in change.newly_necessary} == row.needed


@pytest.mark.clause("X2")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_way_back_is_the_opposite(row: Row):
    forth = compare(OLD, parse_policy(applied(row.edits)))
    back = compare(parse_policy(applied(row.edits)), OLD)
    turned = {OPPOSITE[each.kind] for each in (*back.widened, *back.newly_necessary) if each.kind in OPPOSITE}
    assert turned == kinds(forth)[1]


@pytest.mark.clause("P1", "X2")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_difference_is_told_in_a_sentence(row: Row):
    change = compare(OLD, parse_policy(applied(row.edits)))
    for difference in change.widened + change.narrowed + change.newly_necessary:
        assert difference.sentence[0].isupper()
        assert difference.sentence.endswith(".")
        assert not re.search(r"\{[a-z]*\}", difference.sentence)
        assert difference.rule
        if difference.field or difference.operations or difference.feature:
            assert "“" in difference.sentence


def test_there_are_pairs_enough_for_every_kind():
    assert len(ROWS) >= 40
    seen = set[str]().union(*(row.widened | row.narrowed | row.needed for row in ROWS))
    told_elsewhere = {"language_removed", "language_added", "right_added", "newly_necessary"}
    assert set(get_args(Kind)) == seen | told_elsewhere


DETAILS = [
    ("an observed field", "field_added", "C3", "mood", "service", "device operator", "", ""),
    ("a field for a new purpose", "purpose_added", "U7", "", "roaming", "", "", ""),
    ("a field for a purpose that just became necessary", "consent_no_longer_asked", "U5", "", "surveys", "", "", ""),
    (
        "a field for a third party that just became an affiliate",
        "consent_no_longer_asked",
        "S1",
        "",
        "",
        "acme",
        "",
        "",
    ),
    (
        "a field for a third party that just became an affiliate",
        "recipient_stronger",
        "S2",
        "",
        "",
        "acme",
        "third party",
        "affiliate",
    ),
    ("a field for somebody new", "recipient_added", "S1", "", "", "helper", "", ""),
    ("a purpose for a field", "purpose_added", "U7", "message", "software", "device", "", ""),
    ("a recipient for a field", "recipient_added", "S1", "failure", "service security improvement", "sister", "", ""),
    ("kept longer here", "kept_longer", "R1", "message", "service security", "device", "14 days", "15 days"),
    (
        "kept longer there",
        "kept_longer_on_server",
        "R1",
        "level",
        "service security improvement",
        "operator acme sister",
        "30 days",
        "31 days",
    ),
    (
        "a finer time",
        "minimised_less",
        "C1",
        "bound_on",
        "service security rights",
        "device operator",
        "the time, cut to the day",
        "the time, cut to the hour",
    ),
    (
        "a finer version",
        "minimised_more",
        "C2",
        "platform_version",
        "service security improvement software",
        "device operator",
        "the first numbers of a version (major.minor)",
        "the first numbers of a version (major)",
    ),
    (
        "another range",
        "minimised_otherwise",
        "C2",
        "duration",
        "service security improvement",
        "device operator",
        "the range it is in, of those that begin at 10, 60, 300, 1800, 7200, 28800",
        "the range it is in, of those that begin at 20, 60, 300, 1800, 7200, 28800",
    ),
    ("watched instead of asked", "source_changed", "C3", "language", "service rights", "operator", "user", "observed"),
    (
        "it stands for something else",
        "meaning_changed",
        "P1",
        "region",
        "service security improvement",
        "device operator acme sister",
        "pd:Region",
        "pd:Location",
    ),
    (
        "a purpose stands for something else",
        "meaning_changed",
        "P1",
        "",
        "surveys",
        "",
        "dpv:ImproveExistingProductsAndServices",
        "dpv:SellExistingProductsAndServices",
    ),
    ("no longer correctable", "no_longer_correctable", "A2", "language", "service rights", "operator", "", ""),
    ("no longer optional", "no_longer_optional", "P2", "language", "service rights", "operator", "", ""),
    ("it stays when a device goes", "deleted_with_order", "A3", "device_name", "service rights", "operator", "", ""),
    ("the operator becomes an affiliate", "recipient_weaker", "S2", "", "", "operator", "operator", "affiliate"),
    ("an affiliate becomes a third party", "consent_asked", "S1", "", "", "sister", "", ""),
    ("something else binds", "safeguard_changed", "S2", "", "", "acme", "A contract.", "A handshake."),
    ("reviewed later", "review_later", "S2", "", "", "acme", "2036-10-01", "2036-10-02"),
    ("in another country", "country_changed", "S2", "", "", "acme", "DE", "US"),
    ("in a country that is not told", "country_withheld", "S2", "", "", "acme", "DE", ""),
    (
        "a feature needs a consent",
        "feature_needs_more",
        "P2",
        "",
        "",
        "",
        "",
        "“To design new services and improve the ones there are”",
    ),
    ("sent for the first time", "sent_anew", "U1", "failure", "service", "operator", "", ""),
    ("sent with a name", "identity_added", "C1", "tunnel_public_key", "service", "operator", "device", "user"),
    (
        "a call that named nobody, beside one that does",
        "identity_added",
        "C1",
        "",
        "service",
        "operator",
        "none",
        "device",
    ),
    ("a call that carries nothing, with a name", "call_added", "U1", "", "service", "operator", "", "nothing"),
    ("a word more in a call", "call_carries_more", "U1", "", "service", "operator", "not sent", "“notes” (yes or no)"),
    ("sent exactly", "sent_exactly", "C2", "recorded_at", "service", "operator", "", ""),
    ("a right less", "right_removed", "A1", "", "", "", "portability", ""),
    ("no proof of who asks", "step_up_removed", "A4", "", "", "", "correction.account", ""),
    ("announced later", "notice_shorter", "X2", "", "", "", "30", "29"),
    ("minors up to a lower age", "minor_age_lowered", "M1", "", "", "", "18", "17"),
    (
        "a purpose less for a field",
        "purpose_removed",
        "U7",
        "level",
        "improvement",
        "device operator acme sister",
        "",
        "",
    ),
    (
        "a recipient less for a field",
        "recipient_removed",
        "S1",
        "level",
        "service security improvement",
        "sister",
        "",
        "",
    ),
    ("kept for less time here", "kept_shorter", "R1", "message", "service security", "device", "14 days", "13 days"),
    (
        "kept for less time there",
        "kept_shorter_on_server",
        "R1",
        "region",
        "service security improvement",
        "operator acme sister",
        "30 days",
        "1 day",
    ),
    ("correctable", "correctable_added", "A2", "order_number", "service security rights", "device operator", "", ""),
    ("optional", "optional_added", "P2", "order_number", "service security rights", "device operator", "", ""),
    ("asked", "consent_asked", "U4", "", "software", "", "", ""),
    ("sent without a name", "identity_removed", "C1", "tunnel_public_key", "service", "operator", "device", "none"),
    ("no longer sent", "sent_no_more", "U1", "region", "service", "operator", "", ""),
    ("a proof of who asks", "step_up_added", "A4", "", "", "", "", "withdrawal"),
    ("announced earlier", "notice_longer", "X2", "", "", "", "30", "60"),
    ("minors up to a higher age", "minor_age_raised", "M1", "", "", "", "18", "21"),
    ("a field renamed", "field_removed", "C2", "traffic", "service", "device", "", ""),
    ("a purpose renamed", "purpose_removed", "U7", "", "cross_service", "", "", ""),
    ("a recipient renamed", "recipient_removed", "S1", "", "", "sister", "", ""),
]
"""Row, kind, clause, field, purposes, recipients, before, after: one for each kind, by part."""


@pytest.mark.clause("P1", "X2")
@pytest.mark.parametrize("detail", DETAILS, ids=lambda detail: f"{detail[1]} {detail[3] or detail[4] or detail[5]}")
def test_a_difference_names_its_clause_and_what_it_concerns(detail: tuple[str, ...]):
    name, kind, rule, field_id, purposes, recipients, before, after = detail
    row = next(row for row in ROWS if row.name == name)
    change = compare(OLD, parse_policy(applied(row.edits)))
    found = [each for each in change.widened + change.narrowed if (each.kind, each.field) == (kind, field_id)]
    assert (rule, purposes, recipients, before, after) in [
        (each.rule, " ".join(each.purposes), " ".join(each.recipients), each.before, each.after) for each in found
    ]


# ---------------------------------------------------------------- what a new field means


def test_a_newly_necessary_field_is_no_reduction_and_is_listed():
    change = compare(OLD, parse_policy(applied([new_field("mood")])))
    assert not change.reduces_rights
    (only,) = change.newly_necessary
    assert (only.kind, only.field, only.rule) == ("newly_necessary", "mood", "C3")
    assert (only.purposes, only.recipients) == (("service",), ("device", "operator"))
    assert only.sentence == (
        "Needed from now on: “Something new”. What for: “To give you the VPN service you ordered”. "
        "Who has it: this device and “The company that runs Rocket VPN”."
    )
    assert change.cells == {("mood", "service", "device"), ("mood", "service", "operator")}
    assert change.reconsent == frozenset()


def test_a_new_field_that_a_call_sends_as_it_is_though_it_is_minimised_is_not_taken_at_once():
    document = parse_policy(applied([new_field("mood", transform='"scrub"')])).document
    sends = msgspec.structs.replace(next(part for part in document.operation if part.id == "order.read"), method="POST")
    for exact in ((), ("mood",)):
        call = msgspec.structs.replace(sends, fields=("mood",), exact=exact)
        parts = tuple(call if part.id == call.id else part for part in document.operation)
        change = compare(OLD, Policy(msgspec.structs.replace(document, operation=parts)))
        assert bool(change.newly_necessary) is not bool(exact)
        assert ("field_added" in kinds(change)[0]) is bool(exact)


def test_what_a_newly_necessary_field_is_used_for_beyond_that_is_a_reduction():
    edits = [new_field("mood", purposes='["service", "surveys"]', recipients='["operator", "acme"]')]
    change = compare(OLD, parse_policy(applied(edits)))
    assert change.cells == {("mood", "service", "device"), ("mood", "service", "operator")}
    (only,) = change.widened
    assert (only.kind, only.field) == ("field_added", "mood")
    assert set(only.purposes) == {"service", "surveys"}
    assert change.reconsent == {"surveys", "surveys/acme", "service/acme"}


@pytest.mark.parametrize(("name", "dpv"), [("email", "pd:EmailAddress"), ("tongue", "pd:Language")])
def test_renaming_an_optional_field_does_not_make_it_necessary_at_once(name: str, dpv: str):
    begin, end = span(TEXT, "field", "contact_email" if name == "email" else "language")
    gone = TEXT[:begin] + TEXT[end:]
    gone = gone.replace('fields = ["contact_email", "language"]\n', "").replace('"contact_email", ', "")
    change = compare(OLD, parse_policy(applied([new_field(name, dpv=f'"{dpv}"')], gone)))
    assert "field_added" in kinds(change)[0]
    assert change.newly_necessary == ()


def test_renaming_a_necessary_field_is_one_removed_and_one_added():
    change = compare(OLD, parse_policy(TEXT.replace('"payment_record"', '"payment"')))
    assert kinds(change) == ({"field_added"}, {"field_removed"})


def test_a_field_by_consent_does_not_come_back_as_a_necessary_one():
    before = parse_policy(applied([new_field("mood", purposes='["surveys"]')]))
    after = parse_policy(applied([new_field("mood", purposes='["surveys"]'), new_field("feeling")]))
    assert kinds(compare(before, after)) == ({"field_added"}, set())


# ---------------------------------------------------------------- which consents


@pytest.mark.clause("X3")
@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([field("message", '"P14D"', '"P15D"')], set()),
        ([field("level", 'device = "P30D"', 'device = "P31D"')], {"improvement"}),
        ([field("level", 'server = "P30D"', 'server = "P31D"')],
         {"improvement", "improvement/acme", "service/acme", "security/acme"}),
        ([field("failure", '["operator"]', '["operator", "acme"]')],
         {"improvement", "improvement/acme", "service/acme", "security/acme"}),
        ([field("failure", '["operator"]', '["operator", "sister"]')], {"improvement"}),
        ([field("message", '["service"', '["surveys", "service"')], {"surveys"}),
        ([("recipient", "acme", "A contract.", "A promise.")],
         {"improvement", "improvement/acme", "service/acme", "security/acme", "surveys", "surveys/acme",
          "rights/acme"}),
        ([("purpose", "surveys", "dpv:Improve", "dpv:Sell")], {"surveys", "surveys/acme"}),
        ([("purpose", "cross_service", "dpv:P", "dpv:Q")], {"cross_service"}),
        ([("purpose", "improvement", '"consent"', '"necessary"')], {"improvement/acme"}),
        ([new_operation("feel", purpose='"surveys"', identity='"device"')], {"surveys"}),
        ([("purpose", "surveys", "take part in", "answer")], {"surveys", "surveys/acme"}),
        ([("rights", "", ', "portability"', "")], set()),
        ([("", "", "notice_days = 30", "notice_days = 29")], set()),
        ([field("level", ', "improvement"', "")], set()),
    ],
)  # fmt: skip
def test_which_consents_have_to_be_asked_for_again(edits: list[Edit], expected: set[str]):
    assert compare(OLD, parse_policy(applied(edits))).reconsent == expected


# ---------------------------------------------------------------- what is said


@pytest.mark.clause("P1", "X2")
@pytest.mark.parametrize(
    ("edits", "rule", "said"),
    [
        ([field("message", '"P14D"', '"P15D"')], "R1",
         "Kept longer on this device: “A line that the app wrote to its log; addresses, names of sites, accounts and "
         "the like are taken out first”. Before: 14 days. Now: 15 days."),
        ([field("language", "{ server", '{ device = "PT0S", server')], "R1",
         "Kept longer on this device: “The language in which the operator writes to you”. Before: not kept. Now: used "
         "at once and not kept."),
        ([field("verification_code", '"PT15M"', '"bound"')], "R1",
         "Kept longer by “The company that runs Rocket VPN”: “The code from an e-mail with which you prove that it is "
         "you. It is not kept”. Before: 15 minutes. Now: while this device is bound to the order."),
        ([field("attempt", "max = 1000", "max = 9000")], "C2",
         "More is kept of it: “How many times something was tried”. Before: a whole number from 0 to 1000. Now: a "
         "whole number from 0 to 9000."),
        ([("purpose", "surveys", '"consent"', '"necessary"')], "U5",
         "You are no longer asked whether you agree: “To let you take part in surveys”."),
        ([("recipient", "acme", '"third_party"', '"affiliate"')], "S1",
         "You are no longer asked before something goes to: “A company that helps”."),
        ([("operation", "tunnel.register", '"device"', '"user"'),
          ("operation", "tunnel.register", '"tunnel_public_key", "region"', '"tunnel_public_key"')], "C1",
         "Sent with more about who you are: “The public key of your tunnel”. To: “The company that runs Rocket VPN”. "
         "Before: device. Now: user."),
        ([("rights", "", ', "portability"', "")], "A1", "You lose a right: portability."),
        ([beat("protocol.tries", "protocol.notes = { kind = \"text\", max = 99, most = 3 }\nprotocol.tries")], "U1",
         "A call carries more: “Say that it runs”. Before: not sent. Now: “notes” (a list of up to 3, each a text of "
         "up to "
         "99 characters)."),
        ([beat('"attempt" }', '"duration" }')], "U1",
         "A call carries something else in the same place: “Say that it runs”. Before: “How many times something was "
         "tried”. Now: “Roughly how long something took, in seconds” (as it is)."),
        ([("operation", "order.read", '"service"', '"security"')], "U7",
         "A call is made for something else: “See how long the order runs and how many devices it allows”. Before: "
         "“To give you the VPN service you ordered”. Now: "
         "“To make sure that it is you, and to keep the service safe”."),
        ([beat('["duration"]', '["duration", "recorded_at"]')], "C2",
         "Sent as it is, and no longer minimised first: “When something happened, to the minute”. With: “Say that it "
         "runs”."),
        ([new_operation("ping", protocol='{ note = { kind = "text", max = 20 } }')], "U1",
         "A new call: “A call”. What for: “To give you the VPN service you ordered”. To whom: “The company that runs "
         "Rocket "
         "VPN”. What goes along: “note” (a text of up to 20 characters)."),
        ([("purpose", "surveys", "take part in", "answer")], "P1",
         "What a purpose is, is said otherwise: “To let you answer surveys”. Before: “To let you take part in "
         "surveys”. "
         "Now: “To let you answer surveys”."),
    ],
)  # fmt: skip
def test_the_tuple_becomes_the_sentence(edits: list[Edit], rule: str, said: str):
    change = compare(OLD, parse_policy(applied(edits)))
    assert [(each.rule, each.sentence) for each in change.widened] == [(rule, said)]


RIGHTS = {"access": "A1", "correction": "A2", "deletion": "A3", "portability": "A1", "withdrawal": "U7",
          "disclosures": "S3"}  # fmt: skip


@pytest.mark.parametrize(("right", "rule"), RIGHTS.items())
def test_a_right_that_goes_and_comes(right: str, rule: str):
    text = re.sub(rf'(offered = \[.*?)"{right}"(, )?', r"\1", TEXT)
    step_up = f"{right}.account" in OLD.document.rights.step_up
    lost = compare(OLD, parse_policy(text))
    assert [(each.kind, each.rule, each.before) for each in lost.widened] == [("right_removed", rule, right)]
    assert not lost.narrowed
    won = compare(parse_policy(text), OLD)
    assert [(each.kind, each.rule, each.after) for each in won.narrowed] == [("right_added", rule, right)]
    assert not won.widened
    assert step_up == (right != "withdrawal")


def german(text: str = TEXT) -> Policy:
    text = re.sub(r'^(sentence|title|advice|guardian)\.en = "', r'\1.de = "Auf Deutsch."\n\1.en = "', text, flags=re.M)
    return parse_policy(text)


@pytest.mark.clause("P1")
def test_a_language_that_goes_and_comes():
    lost = compare(german(), OLD)
    assert [(each.kind, each.rule, each.before) for each in lost.widened] == [("language_removed", "P1", "de")]
    won = compare(OLD, german())
    assert [(each.kind, each.after) for each in won.narrowed] == [("language_added", "de")]


@pytest.mark.clause("P1")
@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "Auf Deutsch"), ("de-AT", "Auf Deutsch"), ("fr", "How many times"), ("en", "How many times")],
)
def test_the_documents_parts_are_said_in_the_readers_language_or_in_english(language: str, said: str):
    new = german(applied([field("attempt", "max = 1000", "max = 9000")]))
    (difference,) = compare(german(), new, language=language).widened
    assert said in difference.sentence


def test_one_sentence_for_what_differs_in_purpose_or_recipient_alone():
    change = compare(OLD, parse_policy(applied([field("level", 'server = "P30D"', 'server = "P31D"')])))
    (difference,) = change.widened
    assert difference.purposes == ("service", "security", "improvement")
    assert difference.recipients == ("operator", "acme", "sister")
    assert (difference.before, difference.after) == ("30 days", "31 days")


def test_a_field_that_nobody_may_use_can_still_lose_something():
    unused = TEXT.replace(
        'retention = { device = "bound" }\ndpv = "pd:AgeRange"', 'retention = {}\ndpv = "pd:AgeRange"'
    )
    before = parse_policy(edited("field", "age_flag", "dpv =", "correctable = true\ndpv =", text=unused))
    (difference,) = compare(before, parse_policy(unused)).widened
    assert (difference.kind, difference.field) == ("no_longer_correctable", "age_flag")
    assert (difference.purposes, difference.recipients) == ((), ())


def test_two_parts_of_one_kind_are_two_sentences():
    edits = [("purpose", "surveys", '"consent"', '"necessary"'), ("purpose", "improvement", '"consent"', '"necessary"')]
    change = compare(OLD, parse_policy(applied(edits)))
    assert [each.purposes for each in change.widened] == [("improvement",), ("surveys",)]
    change = compare(bundled_policy(), OLD)
    alone = [each.recipients for each in change.widened if each.kind == "recipient_added" and not each.field]
    assert alone == [("acme",), ("sister",)]


def test_every_kind_of_difference_has_a_row_and_every_row_its_sentences() -> None:
    named = {row.wider for row in TABLE} | {row.narrower for row in TABLE if row.narrower is not None}
    assert named == set(get_args(Kind))
    assert len({(row.about, row.wider) for row in TABLE}) == len(TABLE)
    assert all(SENTENCES.values())
