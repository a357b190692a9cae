"""Parts of a policy in plain words, for notices and explanations. English, around the document's own sentences."""

from __future__ import annotations

from collections.abc import Iterator

from rocketvpn_sdk.policy.document import Contract, FieldType, Recipient, Text
from rocketvpn_sdk.policy.values import BOUND, Duration, Transform
from rocketvpn_sdk.text import spelled_out, translate

FALLBACK = "en"
"""Every document has its sentences in this language."""

_TRANSFORMS = {
    "keep": "as it is",
    "drop": "nothing",
    "truncate_ip": "the network alone, without the part that tells one device from another",
    "coarsen_time": "the time, cut to the {}",
    "bucket": "the range it is in, of those that begin at {}",
    "version": "the first numbers of a version ({})",
    "pseudonym": "a stand-in that cannot be traced back, and changes from time to time",
    "scrub": "the text, without addresses, names of sites, accounts and the like",
}
_UNSPECIFIED = {
    "coarsen_time": "the time, cut to the minute, the hour or the day",
    "bucket": "the range it is in",
    "version": "the first numbers of a version",
}
TRANSFORMS = tuple(_TRANSFORMS)
_TYPES = {
    "text": "a text",
    "secret": "a secret",
    "email": "an e-mail address",
    "enum": "one of {}",
    "integer": "a whole number from {} to {}",
    "boolean": "yes or no",
    "time": "a time",
    "version": "a version",
    "ip_address": "an internet address",
}


def text_in(sentence: Text, language: str) -> str:
    """Return ``sentence`` in ``language`` (BCP 47), or in its main language (``de`` for ``de-AT``), or in English.

    A safeguard need not be there in English; it comes in whatever language it has.
    """
    tags = (language, language.partition("-")[0], FALLBACK, *sentence)
    return next(sentence[tag] for tag in tags if sentence.get(tag, "").strip())


def quoted(sentence: Text, language: str) -> str:
    """Return ``sentence`` in quotation marks, to stand inside another."""
    return f"“{text_in(sentence, language).strip().removesuffix('.')}”"


def contracted(contract: Contract) -> str:
    """Return which contract binds a recipient."""
    said = translate("a contract of {}, SHA-256 {}")
    return said.format(contract.signed, contract.sha256)


def under_contract(recipient: Recipient) -> Iterator[str]:
    """Yield in sentences, for users, which contract ``recipient`` signed, and in which country it is (S2)."""
    contract = recipient.contract
    if contract is not None:
        said = translate("It signed a contract on {}. If the operator has not reviewed it by {}, nothing goes there.")
        yield said.format(contract.signed, contract.review_by)
    if recipient.country:
        yield translate("Its country: {}.").format(recipient.country)


def lasting(kept: Duration | None) -> str:
    """Return how long something is kept; ``None`` is a place that does not keep it."""
    if kept is None:
        return translate("not kept")
    if kept.text == BOUND:
        return translate("while this device is bound to the order")
    if not kept.seconds:
        return translate("used at once and not kept")
    return spelled_out(kept.text)


def minimised(transform: Transform) -> str:
    """Return what a transform leaves of a value."""
    return translate(_TRANSFORMS[transform.name]).format(", ".join(transform.arguments))


def minimised_by(name: str) -> str:
    """Return what the transforms called ``name`` leave of a value, whatever their arguments."""
    return translate(_UNSPECIFIED.get(name) or _TRANSFORMS[name])


def taken(kind: FieldType) -> str:
    """Return which values a field takes."""
    said = translate(_TYPES[kind.kind])
    if kind.kind == "enum":
        return said.format(", ".join(kind.values))
    if kind.kind == "integer":
        return said.format(kind.min, kind.max)
    if kind.max is not None:
        said += " " + translate("of up to {} characters").format(kind.max)
    if kind.pattern:
        said += f" ({kind.pattern})"
    return said if kind.most is None else translate("a list of up to {}, each {}").format(kind.most, said)
