"""Random small policies and what may become of them, made of values: every key of the document can change.

No text is parsed: that takes longer than everything else that is done with a pair.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

from msgspec.structs import asdict, replace

from rocketvpn_sdk.policy import Duration, Policy, Transform
from rocketvpn_sdk.policy.checks import check_references
from rocketvpn_sdk.policy.document import (
    Cap,
    Category,
    Contract,
    Document,
    EventRule,
    Feature,
    Field,
    FieldType,
    MinorsRules,
    Operation,
    Purpose,
    Recipient,
    RetentionRules,
    RightsRules,
    Vocabulary,
)

SAID = {"en": "A sentence.", "de": "Ein Satz."}
HOST = "a.example"
PURPOSES = ("service", "improvement", "rights", "security")
RECIPIENTS = ("operator", "acme", "sister")
FIELDS = ("mood", "place", "tempo", "when")
OPERATIONS = ("app.one", "app.two", "data.view", "rights.list")
"""The last two are the SDK's own."""
FEATURES = ("look", "send")
PROTOCOL = ("p", "q", "ref")
ALIASES = ("alias", "other")

Make = Callable[[Random, Any, Document], Any]
"""What another value of a key may be: of chance, the part that has it, and the document."""


def one(*values: Any) -> Make:
    return lambda rng, _part, _document: rng.choice(values)


def some(names: tuple[str, ...]) -> Make:
    return lambda rng, _part, _document: tuple(rng.sample(names, rng.randint(0, len(names))))


TYPES = tuple(
    FieldType(**facts, most=most)  # type: ignore[arg-type] # given by name
    for facts in (
        {"kind": "text", "max": 8},
        {"kind": "text", "max": 12},
        {"kind": "text", "max": 12, "pattern": "[a-z]+"},
        {"kind": "text", "pattern": "[a-z ]+"},
        {"kind": "text", "max": 9000, "pattern": "[a-z ]+"},
        {"kind": "secret"},
        {"kind": "secret", "max": 8},
        {"kind": "email"},
        {"kind": "enum", "values": ("a", "b")},
        {"kind": "enum", "values": ("a", "b", "see me")},
        {"kind": "integer", "min": 0, "max": 9},
        {"kind": "integer", "min": 5, "max": 60},
        {"kind": "boolean"},
        {"kind": "time"},
        {"kind": "version"},
        {"kind": "ip_address"},
    )
    for most in (None, None, None, 2, 3)
)
TRANSFORMS = tuple(
    map(
        Transform,
        ("keep", "drop", "truncate_ip", "coarsen_time(minute)", "coarsen_time(hour)", "bucket(6)", "bucket(6, 40)",
         "bucket(20)", "version(major)", "version(major.minor)", "pseudonym", "scrub"),
    )
)  # fmt: skip
FITTING = {
    "text": ("keep", "scrub", "pseudonym", "drop"), "secret": ("keep", "drop"), "email": ("keep", "pseudonym", "drop"),
    "enum": ("keep", "drop"), "integer": ("keep", "bucket", "drop"), "boolean": ("keep", "drop"),
    "time": ("keep", "coarsen_time", "drop"), "version": ("keep", "version", "drop"),
    "ip_address": ("keep", "truncate_ip", "pseudonym", "drop"),
}  # fmt: skip
KEPT = tuple(Duration(text) for text in ("PT0S", "P1D", "P30D", "bound"))
sentence = one(
    SAID, SAID | {"en": "Another."}, SAID | {"de": "Anders."}, SAID | {"fr": "Une phrase."}, SAID | {"fr": "Autre."}
)


def protocol(rng: Random, part: Operation | None, _document: Document) -> Any:
    if part is not None and part.protocol and isinstance(part.protocol, dict) and rng.random() < 0.5:
        name = rng.choice(list(part.protocol))  # another type for one of them, mostly a like one
        alike = [each for each in TYPES if each.kind in (part.protocol[name].kind, "enum")]
        return part.protocol | {name: rng.choice(alike or TYPES)}
    words = rng.sample(PROTOCOL, rng.randint(0, 3))
    return tuple(words) if rng.random() < 0.3 else {name: rng.choice(TYPES) for name in words}


def names(rng: Random, part: Operation, _document: Document) -> dict[str, str]:
    return {alias: rng.choice(part.fields) for alias in rng.sample(ALIASES, rng.randint(0, 2)) if part.fields}


def type_part(key: str) -> Make:
    return lambda rng, _part, _document: getattr(rng.choice(TYPES), key)


def contract(rng: Random, _part: Recipient | None, _document: Document) -> Contract | None:
    return _made(Contract, rng) if rng.random() < 0.6 else None  # type: ignore[no-any-return] # made by its kind


def reasons(rng: Random, part: Feature, document: Document) -> tuple[str, ...]:
    able = sorted({purpose for each in document.field if each.id in part.fields for purpose in each.purposes})
    return tuple(rng.sample(able, rng.randint(1, len(able))))


def needed(rng: Random, part: Feature, document: Document) -> tuple[str, ...]:
    able = [each.id for each in document.field if set(part.purposes) & set(each.purposes)]
    return tuple(rng.sample(able, rng.randint(1, len(able))))


KEYS: dict[type, dict[str, Make]] = {
    Document: {
        "policy_id": one("small", "other"), "version": one(1, 2, 3),
        "published": one(date(2026, 10, 1), date(2026, 11, 1)),
        "effective": one(date(2026, 11, 1), date(2027, 1, 1)), "contact": one("https://c.example/", "https://d.example/"),
        "notice_days": one(7, 30, 60), "title": one({"en": "T"}, SAID),
    },
    Cap: {"device": one(*KEPT[2:]), "server": one(*KEPT[2:])},
    Category: {"id": one("all"), "sentence": sentence},
    Purpose: {
        "id": one(*PURPOSES), "clause": one("U1", "U7"), "necessity": one("necessary", "consent"),
        "dpv": one("dpv:A", "dpv:A", "dpv:B"), "sentence": sentence,
    },
    Recipient: {
        "id": one(*RECIPIENTS), "kind": one("operator", "affiliate", "third_party"),
        "contract": contract, "country": one("", "DE", "FR"),
        "hosts": one((HOST,), (HOST, "b.example")), "safeguard": one(SAID, SAID | {"en": "A handshake."}),
        "sentence": sentence,
    },
    Contract: {
        "sha256": one("a" * 64, "b" * 64), "signed": one(date(2026, 10, 1), date(2026, 11, 1)),
        "review_by": one(date(2026, 12, 1), date(2027, 6, 1), date(2028, 1, 1)),  # the first is over when it is asked
    },
    Feature: {"id": one(*FEATURES), "purposes": reasons, "fields": needed, "sentence": sentence},
    Vocabulary: {"id": one("states", "errors"), "values": one(("up",), ("up", "down")), "sentence": sentence},
    FieldType: {key: type_part(key) for key in ("kind", "values", "min", "max", "pattern", "most")},
    RetentionRules: {"device": one(None, *KEPT), "server": one(None, *KEPT)},
    Field: {
        "id": one(*FIELDS), "category": one("all"), "clause": one("C2", "C3"), "source": one("user", "observed", "sdk"),
        "type": one(*TYPES), "transform": one(*TRANSFORMS), "purposes": some(PURPOSES), "recipients": some(RECIPIENTS),
        "correctable": one(True, False), "optional": one(True, False), "belongs": one("device", "order"),
        "dpv": one("pd:A", "pd:B"), "sentence": sentence,
    },
    EventRule: {"id": one("seen", "heard"), "purpose": one(*PURPOSES), "fields": some(FIELDS), "sentence": sentence},
    Operation: {
        "id": one(*OPERATIONS), "method": one("POST", "POST", "PUT", "GET", "DELETE"),
        "path": one("/a", "/b", "/a/{ref}", "/a/{mood}"), "purpose": one(*PURPOSES), "recipient": one(*RECIPIENTS),
        "identity": one("none", "key", "device", "user"), "fields": some(FIELDS), "protocol": protocol, "names": names,
        "exact": lambda rng, part, _document: tuple(rng.sample(part.fields, rng.randint(0, len(part.fields)))),
        "sentence": sentence,
    },
    MinorsRules: {"age": one(13, 16, 18), "advice": sentence, "guardian": sentence},
    RightsRules: {"offered": some(("access", "deletion")), "step_up": some(("access", "deletion", "deletion.account"))},
}  # fmt: skip
PARTS = {
    "category": Category, "purpose": Purpose, "recipient": Recipient, "field": Field, "event": EventRule,
    "operation": Operation, "feature": Feature, "vocabulary": Vocabulary,
    "minors": MinorsRules, "rights": RightsRules, "cap": Cap,
    "type": FieldType, "retention": RetentionRules, "contract": Contract,
}  # fmt: skip
"""The keys that hold parts; of the first eight there are lists."""
LISTS = tuple(PARTS)[:8]
OFTEN = {Operation: 8, Field: 5, FieldType: 4, Purpose: 3, RetentionRules: 2, Recipient: 2, Contract: 2, Feature: 3}
_BAG = [(kind, key) for kind, keys in KEYS.items() for key in keys for _ in range(OFTEN.get(kind, 1))] + [
    *((Document, table) for table in LISTS for _ in range(2)),
    *((Operation, key) for key in ("exact", "method", "names", "names", "path", "protocol") for _ in range(6)),
]


def reached() -> set[tuple[type, str]]:
    """Return every key that a change of chance can reach: those of the table, and those that hold parts."""
    return {(kind, key) for kind, keys in KEYS.items() for key in keys} | {
        (holder, name)
        for holder, inside in (
            (Document, (*LISTS, "minors", "rights")),
            (Category, ("cap",)),
            (Field, ("type", "retention")),
        )
        for name in inside
    }


def base(rng: Random) -> Document:
    """Return a policy of chance; ``None`` of its parts dangles."""
    document = Document(
        policy_id="small", version=1, published=date(2026, 11, 1), effective=date(2026, 11, 1),
        contact="https://c.example/", title={"en": "T"},
        category=(Category(id="all", cap=Cap(device=KEPT[3], server=KEPT[3]), sentence=SAID),),
        purpose=tuple(_made(Purpose, rng, id=name) for name in PURPOSES[: rng.randint(2, 4)]),
        recipient=tuple(_made(Recipient, rng, id=name) for name in RECIPIENTS[: rng.randint(1, 2)]),
        field=(), event=(), operation=(), vocabulary=(Vocabulary(id="states", values=("up", "down"), sentence=SAID),),
        minors=_made(MinorsRules, rng), rights=_made(RightsRules, rng),
    )  # fmt: skip
    document = replace(
        document, field=tuple(_identity(name, document) for name in ("device_public_key", "session_token"))
    )
    tables = (("field", Field, FIELDS, 3), ("operation", Operation, OPERATIONS, 3), ("feature", Feature, FEATURES, 1))
    for table, part, ids, most in tables:
        for name in rng.sample(ids, rng.randint(1, most)):
            for _ in range(30):
                fresh = _fresh(part, rng, document, name)
                grown = replace(document, **{table: (*getattr(document, table), fresh)})
                if sound(grown):
                    document = grown
                    break
    return document


def pair(rng: Random) -> tuple[Policy, Policy]:
    """Return a policy and what became of it: one to four things changed."""
    old = base(rng)
    new = old
    for _ in range(rng.choice((1, 1, 1, 1, 1, 2, 2, 3, 4))):
        new = changed(rng, new)
    return Policy(old), Policy(new)


def changed(rng: Random, document: Document) -> Document:
    """Return ``document`` with one thing changed, and still without what dangles."""
    for _ in range(60):
        kind, key = rng.choice(_BAG)
        try:
            found = _changed(rng, document, kind, key)
        except (IndexError, ValueError):  # there is no such part
            continue
        if found != document and sound(found):
            return found
    return document


def sound(document: Document) -> bool:
    """Whether the document could be loaded."""
    return next(iter(check_references(document)), None) is None


def _changed(rng: Random, document: Document, kind: type, key: str) -> Document:
    if kind is Document:
        if key in LISTS:
            return replace(document, **{key: _list(rng, document, key)})
        return replace(document, **{key: KEYS[Document][key](rng, document, document)})
    holder = {Cap: "category", FieldType: "field", RetentionRules: "field", Contract: "recipient"}.get(kind)
    table = holder or next(name for name, part in PARTS.items() if part is kind)
    if table not in LISTS:
        part = getattr(document, table)
        return replace(document, **{table: replace(part, **{key: KEYS[kind][key](rng, part, document)})})
    parts = list(getattr(document, table))
    at = rng.randrange(len(parts))
    part = parts[at]
    if holder:
        inner = next(name for name, each in PARTS.items() if each is kind)
        value = getattr(part, inner) or _made(kind, rng)
        if kind is FieldType and rng.random() < 0.8:  # mostly one that somebody would write
            alike = [each for each in TYPES if each.most == value.most and each.kind in (value.kind, "enum")]
            value = rng.choice(alike if alike and rng.random() < 0.7 else TYPES)
        else:
            value = replace(value, **{key: KEYS[kind][key](rng, value, document)})
        parts[at] = replace(part, **{inner: value})
    else:
        parts[at] = replace(part, **{key: KEYS[kind][key](rng, part, document)})
    if kind in (Field, FieldType):
        parts[at] = _fitting(rng, parts[at])
    if kind is Operation:
        parts[at] = _kept_whole(parts[at])
    return replace(document, **{table: tuple(parts)})


def _list(rng: Random, document: Document, table: str) -> tuple[Any, ...]:
    """Return a table with a part more, with one less, or in another order."""
    parts = list(getattr(document, table))
    if rng.random() < 0.5 and parts:
        parts.pop(rng.randrange(len(parts)))
    elif rng.random() < 0.2:
        parts.reverse()
    else:
        ids = {
            "field": FIELDS, "operation": OPERATIONS, "purpose": PURPOSES, "recipient": RECIPIENTS, "feature": FEATURES,
        }.get(table)  # fmt: skip
        name = rng.choice([each for each in ids or ("seen", "heard", "all") if each not in {part.id for part in parts}])
        parts.append(_fresh(PARTS[table], rng, document, name))
    return tuple(parts)


def _made(kind: type, rng: Random, **given: Any) -> Any:
    return kind(**{key: make(rng, None, None) for key, make in KEYS[kind].items() if key not in given} | given)


def _fresh(kind: type, rng: Random, document: Document, name: str) -> Any:
    if kind is Category:
        return _made(kind, rng, id=name, cap=_made(Cap, rng))
    if kind is Field:
        purposes = [part.id for part in document.purpose]
        recipients = [part.id for part in document.recipient]
        kept = RetentionRules(device=rng.choice((None, *KEPT)), server=rng.choice(KEPT))
        part = _made(
            kind, rng, id=name, retention=kept, purposes=tuple(rng.sample(purposes, rng.randint(1, len(purposes)))),
            recipients=tuple(rng.sample(recipients, rng.randint(1, len(recipients)))),
        )  # fmt: skip
        return _fitting(rng, part)
    if kind is Feature:
        used = [each for each in document.field if each.id in FIELDS] or list(document.field)
        used = rng.sample(used, rng.randint(1, len(used)))
        purposes = dict.fromkeys(rng.choice(each.purposes) for each in used)
        return _made(kind, rng, id=name, fields=tuple(each.id for each in used), purposes=tuple(purposes))
    if kind is Operation:
        purpose = rng.choice([part.id for part in document.purpose])
        recipient = rng.choice([part.id for part in document.recipient])
        able = [each.id for each in document.field if purpose in each.purposes and recipient in each.recipients]
        fields = tuple(rng.sample(able, rng.randint(0, len(able))))
        part = Operation(
            id=name, method=rng.choice(("POST", "POST", "PUT", "GET")),
            path=f"/{name}{rng.choice(('', '', '/{ref}'))}", purpose=purpose, recipient=recipient,
            identity=rng.choice(("none", "none", "key", "device", "user")), fields=fields, sentence=SAID,
        )  # fmt: skip
        return _kept_whole(
            replace(part, protocol=protocol(rng, part, document), names=names(rng, part, document), exact=fields[:1])
            if rng.random() < 0.6
            else part
        )
    return _made(kind, rng, id=name)


def _identity(name: str, document: Document) -> Field:
    """Return a field that goes along in a proof or a token, for whatever there is."""
    return Field(
        id=name, category="all", clause="C1", source="sdk", type=FieldType(kind="secret"), transform=Transform("keep"),
        purposes=tuple(part.id for part in document.purpose), recipients=tuple(part.id for part in document.recipient),
        retention=RetentionRules(server=KEPT[1]), dpv="pd:A", sentence=SAID,
    )  # fmt: skip


def _fitting(rng: Random, field: Field) -> Field:
    able = [each for each in TRANSFORMS if each.name in FITTING[field.type.kind]]
    if field.transform in able and field.source != "observed":
        return field
    return replace(field, transform=rng.choice(able) if field.transform not in able else field.transform)


def _kept_whole(operation: Operation) -> Operation:
    """Return the operation without what its other keys left dangling."""
    aliases = {alias: field for alias, field in operation.names.items() if field in operation.fields}
    words = operation.protocol
    if "{ref}" in operation.path and "ref" not in operation.protocol_types:
        kind = FieldType(kind="text", max=8, pattern="[a-z]+")
        words = {**words, "ref": kind} if isinstance(words, dict) else (*words, "ref")
    exact = tuple(name for name in operation.exact if name in operation.fields)
    return replace(operation, names=aliases, exact=exact, protocol=words)


def keys_of(kind: type) -> set[str]:
    """Return the keys of one kind of part."""
    return set(kind.__struct_fields__)  # type: ignore[attr-defined] # a struct has fields


def shown(policy: Policy, other: Policy) -> str:
    """Return where two documents differ, part by part and key by key, for a report."""
    lines: list[str] = []
    before, after = asdict(policy.document), asdict(other.document)
    for table in before:
        if table not in LISTS:
            if before[table] != after[table]:
                lines.append(f"{table}: {before[table]} -> {after[table]}")
            continue
        parts = [{part.id: asdict(part) for part in side[table]} for side in (before, after)]
        for name in dict.fromkeys((*parts[0], *parts[1])):
            one, two = parts[0].get(name), parts[1].get(name)
            keys = [key for key in (one or two or {}) if not one or not two or one[key] != two[key]]
            lines += [f"{table} {name} {key}: {(one or {}).get(key)} -> {(two or {}).get(key)}" for key in keys]
    return "\n".join(lines)
