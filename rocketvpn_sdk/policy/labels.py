"""What app stores ask about privacy, answered from the policy: Apple's privacy manifest, Google's data safety form.

Which store's words stand for what is a table over the policy's DPV terms. Apple publishes its words ("Describing data
use in privacy manifests"); Google publishes none for its form: they are those of the file that the Play Console
exports ("Export to CSV").
"""

from __future__ import annotations

import csv
import io
import plistlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Field, Policy, Purpose
from rocketvpn_sdk.policy.in_use import uses


class _Type(NamedTuple):
    apple: str
    play_group: str
    play: str


_TYPES = {
    "pd:AccountIdentifier": _Type("UserID", "PERSONAL", "PSL_USER_ACCOUNT"),
    "pd:AgeRange": _Type("OtherDataTypes", "PERSONAL", "PSL_OTHER_PERSONAL"),
    "pd:Authenticating": _Type("DeviceID", "IDENTIFIERS", "PSL_DEVICE_ID"),
    "pd:CommunicationsMetadata": _Type("OtherUsageData", "APP_ACTIVITY", "PSL_OTHER_APP_ACTIVITY"),
    "pd:Connection": _Type("OtherUsageData", "APP_ACTIVITY", "PSL_OTHER_APP_ACTIVITY"),
    "pd:DeviceBased": _Type("DeviceID", "IDENTIFIERS", "PSL_DEVICE_ID"),
    "pd:DeviceOperatingSystem": _Type("OtherDiagnosticData", "APP_PERFORMANCE", "PSL_PERFORMANCE_DIAGNOSTICS"),
    "pd:DeviceSoftware": _Type("OtherDiagnosticData", "APP_PERFORMANCE", "PSL_PERFORMANCE_DIAGNOSTICS"),
    "pd:EmailAddress": _Type("EmailAddress", "PERSONAL", "PSL_EMAIL"),
    "pd:Historical": _Type("OtherUsageData", "APP_ACTIVITY", "PSL_OTHER_APP_ACTIVITY"),
    # Both stores ask for the use that is made of an address; it is not used to find out where somebody is.
    "pd:IPAddress": _Type("OtherDataTypes", "IDENTIFIERS", "PSL_DEVICE_ID"),
    "pd:Identifier": _Type("DeviceID", "IDENTIFIERS", "PSL_DEVICE_ID"),
    "pd:Language": _Type("OtherDataTypes", "PERSONAL", "PSL_OTHER_PERSONAL"),
    "pd:Opinion": _Type("OtherUserContent", "APP_ACTIVITY", "PSL_USER_GENERATED_CONTENT"),
    "pd:Parent": _Type("OtherDataTypes", "PERSONAL", "PSL_OTHER_PERSONAL"),
    "pd:PrivacyPreference": _Type("OtherDataTypes", "PERSONAL", "PSL_OTHER_PERSONAL"),
    # The operator's region that somebody connected to, not the one where they are.
    "pd:Region": _Type("OtherUsageData", "APP_ACTIVITY", "PSL_OTHER_APP_ACTIVITY"),
    "pd:ServiceConsumptionBehaviour": _Type("ProductInteraction", "APP_ACTIVITY", "PSL_USER_INTERACTION"),
    "pd:Tracking": _Type("OtherUsageData", "APP_ACTIVITY", "PSL_OTHER_APP_ACTIVITY"),
    "pd:Transaction": _Type("PurchaseHistory", "FINANCIAL", "PSL_PURCHASE_HISTORY"),
    "pd:UID": _Type("DeviceID", "IDENTIFIERS", "PSL_DEVICE_ID"),
}
_OTHER_TYPE = _Type("OtherDataTypes", "PERSONAL", "PSL_OTHER_PERSONAL")

_PURPOSES = {
    "dpv:EnforceSecurity": ("AppFunctionality", "PSL_FRAUD_PREVENTION_SECURITY"),
    "dpv:ImproveExistingProductsAndServices": ("Analytics", "PSL_ANALYTICS"),
    "dpv:Marketing": ("DeveloperAdvertising", "PSL_ADVERTISING"),
    "dpv:Personalisation": ("ProductPersonalization", "PSL_PERSONALIZATION"),
    "dpv:RightsFulfilment": ("Other", "PSL_FRAUD_PREVENTION_SECURITY"),  # Google's also covers compliance with laws
    "dpv:ServiceProvision": ("AppFunctionality", "PSL_APP_FUNCTIONALITY"),
    "dpv:TechnicalServiceProvision": ("AppFunctionality", "PSL_APP_FUNCTIONALITY"),
}
_OTHER_PURPOSE = ("Other", "PSL_APP_FUNCTIONALITY")
_TRACKING = {"DeveloperAdvertising", "ProductPersonalization"}
"""Apple: linking with other companies' data for advertising. Here: one of these purposes, and a third party that is
told who it is about."""
_NAMING = {"UserID", "DeviceID", "EmailAddress"}
"""What tells whom something is about (Apple's words)."""

_COLUMNS = (
    "Question ID (machine readable)",
    "Response ID (machine readable)",
    "Response value",
    "Answer requirement",
    "Human-friendly question label",
)


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of information as a store sees it, and the fields of the policy that are of this kind."""

    kind: str
    """The store's name of it."""
    fields: tuple[str, ...]
    purposes: tuple[str, ...]
    """The store's names."""
    linked: bool
    """Whether it can be told whose it is."""
    shared: bool
    """Whether anybody but the operator gets it."""
    tracking: bool
    optional: bool
    """Whether the user can do without giving any of it."""
    ephemeral: bool
    """Whether no server keeps any of it."""


class PlayAnswer(NamedTuple):
    """One line of Google Play's form."""

    question: str
    response: str
    value: str
    label: str


def unmapped(policy: Policy) -> tuple[str, ...]:
    """Return the DPV terms of ``policy`` that no table here has: they are declared as something *other*."""
    terms = [field.dpv for field in _sent(policy)] + [
        policy.purposes[name].dpv for field in _sent(policy) for name in field.purposes
    ]
    return tuple(dict.fromkeys(term for term in terms if term not in _TYPES and term not in _PURPOSES))


def apple(policy: Policy) -> tuple[Collected, ...]:
    """Return what Apple calls collected: sent, and kept for longer than it takes to answer."""
    kept = [field for field in _sent(policy) if not _ephemeral(field)]
    return tuple(_collected(policy, kept, store="apple"))


def android(policy: Policy) -> tuple[Collected, ...]:
    """Return what Google calls collected: whatever leaves the device, kept or not."""
    return tuple(_collected(policy, _sent(policy), store="android"))


def apple_manifest(policy: Policy) -> dict[str, Any]:
    """Return the privacy manifest (PrivacyInfo.xcprivacy) as plain values, without the reasons for system calls.

    Those (``NSPrivacyAccessedAPITypes``) depend on the app's code, and no policy tells them.
    """
    kinds = apple(policy)
    tracking = any(kind.tracking for kind in kinds)
    domains = [host for part in policy.document.recipient if part.kind == "third_party" for host in part.hosts]
    return {
        "NSPrivacyTracking": tracking,
        "NSPrivacyTrackingDomains": domains if tracking else [],
        "NSPrivacyCollectedDataTypes": [
            {
                "NSPrivacyCollectedDataType": f"NSPrivacyCollectedDataType{kind.kind}",
                "NSPrivacyCollectedDataTypeLinked": kind.linked,
                "NSPrivacyCollectedDataTypeTracking": kind.tracking,
                "NSPrivacyCollectedDataTypePurposes": [
                    f"NSPrivacyCollectedDataTypePurpose{purpose}" for purpose in kind.purposes
                ],
            }
            for kind in kinds
        ],
    }


def apple_plist(policy: Policy) -> bytes:
    """Return the privacy manifest as the property list that Xcode reads, in UTF-8."""
    return plistlib.dumps(apple_manifest(policy), sort_keys=False)


def android_answers(policy: Policy) -> tuple[PlayAnswer, ...]:
    """Return the answers to Google Play's form that the policy gives.

    It does not know how accounts are made, nor the address of a page where one asks for deletion: those are left open.
    """
    kinds = android(policy)
    deletion = "YES" if "deletion" in policy.document.rights.offered else "NO"
    asked = "PSL_DATA_COLLECTION_COLLECTS_PERSONAL_DATA", "PSL_DATA_COLLECTION_ENCRYPTED_IN_TRANSIT"
    answers = [
        PlayAnswer(asked[0], "", _yes(bool(kinds)), "Collects or shares required types of user data"),
        PlayAnswer(asked[1], "", _yes(True), "All of it is encrypted in transit"),
        PlayAnswer("PSL_SUPPORT_DATA_DELETION_BY_USER", f"DATA_DELETION_{deletion}", _yes(True), "Deletion on request"),
    ]
    groups = {kind.play: kind.play_group for kind in (*_TYPES.values(), _OTHER_TYPE)}
    kept = [PlayAnswer(f"PSL_DATA_TYPES_{groups[kind.kind]}", kind.kind, _yes(True), "Collected") for kind in kinds]
    return (*answers, *kept, *(answer for kind in kinds for answer in _usage(kind)))


def android_csv(policy: Policy) -> str:
    """Return the answers as CSV (RFC 4180) with the columns of the file that the Play Console exports and imports."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for question, response, value, label in android_answers(policy):
        writer.writerow((question, response, value, "", label))
    return out.getvalue()


def _usage(kind: Collected) -> Iterator[PlayAnswer]:
    about = f"PSL_DATA_USAGE_RESPONSES:{kind.kind}"
    how = f"{about}:PSL_DATA_USAGE_COLLECTION_AND_SHARING"
    yield PlayAnswer(how, "PSL_DATA_USAGE_ONLY_COLLECTED", _yes(True), f"{kind.kind}: collected")
    if kind.shared:
        yield PlayAnswer(how, "PSL_DATA_USAGE_ONLY_SHARED", _yes(True), f"{kind.kind}: shared")
    yield PlayAnswer(f"{about}:PSL_DATA_USAGE_EPHEMERAL", "", _yes(kind.ephemeral), f"{kind.kind}: ephemeral")
    control = "OPTIONAL" if kind.optional else "REQUIRED"
    yield PlayAnswer(
        f"{about}:DATA_USAGE_USER_CONTROL",
        f"PSL_DATA_USAGE_USER_CONTROL_{control}",
        _yes(True),
        f"{kind.kind}: {control.lower()}",
    )
    for way in ("COLLECTION", "SHARING") if kind.shared else ("COLLECTION",):
        for purpose in kind.purposes:
            yield PlayAnswer(f"{about}:DATA_USAGE_{way}_PURPOSE", purpose, _yes(True), f"{kind.kind}: {way.lower()}")


def _yes(value: bool) -> str:
    return "true" if value else "false"


# ---------------------------------------------------------------- from fields to kinds


def _sent(policy: Policy) -> list[Field]:
    """Return the fields that leave this device, each with the recipients that it reaches and what it is for there.

    Even those that this software drops: a server sees an address. What a call carries without a name is for that call's
    purpose alone; what is tied to the order, the operator may use for every necessary purpose of the field.
    """
    sent = [use for use in uses(policy) if use.recipient != ON_DEVICE]
    carried, reached = {(use.field, use.purpose) for use in sent}, {(use.field, use.recipient) for use in sent}
    return [
        msgspec.structs.replace(
            field,
            purposes=tuple(
                name
                for name in field.purposes
                if (field.id, name) in carried
                or (policy.purposes[name].necessity == "necessary" and _linked(policy, field))
            ),
            recipients=tuple(name for name in field.recipients if (field.id, name) in reached),
        )
        for field in policy.document.field
        if any(use.field == field.id for use in sent)
    ]


def _ephemeral(field: Field) -> bool:
    return field.retention.server is None or not field.retention.server.seconds


def _collected(policy: Policy, fields: Iterable[Field], *, store: str) -> Iterator[Collected]:
    groups: dict[str, list[Field]] = {}
    for field in fields:
        kind = _TYPES.get(field.dpv, _OTHER_TYPE)
        groups.setdefault(kind.apple if store == "apple" else kind.play, []).append(field)
    for name, group in sorted(groups.items()):
        yield Collected(
            kind=name,
            fields=tuple(field.id for field in group),
            purposes=_purposes(policy, group, store),
            linked=any(_linked(policy, field) for field in group),
            shared=any(policy.recipients[to].kind != "operator" for field in group for to in field.recipients),
            tracking=any(_tracking(policy, field) for field in group),
            optional=all(_optional(policy, field) for field in group),
            ephemeral=all(_ephemeral(field) for field in group),
        )


def _purposes(policy: Policy, fields: Iterable[Field], store: str) -> tuple[str, ...]:
    place = 0 if store == "apple" else 1
    parts: Iterable[Purpose] = (policy.purposes[name] for field in fields for name in field.purposes)
    return tuple(sorted({_PURPOSES.get(part.dpv, _OTHER_PURPOSE)[place] for part in parts}))


def _linked(policy: Policy, field: Field) -> bool:
    # What goes in a proof or is seen of the connection may be held beside the account, so it counts as linked.
    carried = [part.identity for part in policy.document.operation if field.id in part.fields]
    return not carried or any(identity != "none" for identity in carried)


def _tracking(policy: Policy, field: Field) -> bool:
    return (
        any(policy.recipients[name].kind == "third_party" for name in field.recipients)
        and not _TRACKING.isdisjoint(_purposes(policy, [field], "apple"))
        and not _goes_nameless(policy, field)
    )


def _goes_nameless(policy: Policy, field: Field) -> bool:
    """Whether ``field`` reaches nobody but in calls that name nobody: then it cannot be linked with anything."""
    calls = [
        part
        for part in policy.document.operation
        if field.id in part.fields
        or (field.transform.name == "drop" and part.recipient in field.recipients and part.purpose in field.purposes)
    ]
    return bool(calls) and not any(
        part.identity != "none"
        or policy.recipients[part.recipient].kind != "third_party"
        or any(_TYPES.get(policy.fields[name].dpv, _OTHER_TYPE).apple in _NAMING for name in part.fields)
        for part in calls
    )


def _optional(policy: Policy, field: Field) -> bool:
    return field.optional or all(policy.purposes[name].necessity == "consent" for name in field.purposes)
