"""Who was told (S1 to S3): what the operator says it gave to somebody, held against the policy."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from rocketvpn_sdk import wire
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.policy.document import Contract
from rocketvpn_sdk.policy.wording import under_contract
from rocketvpn_sdk.transport import Api

BASES = ("consent", "law", "court", "authority")
"""What allows a disclosure: the user's consent (S1), or what compels the operator without it (S3)."""


class Disclosure(MaskedRepr, frozen=True, kw_only=True):
    """Something about the user that the operator says it gave to somebody."""

    __masked__: ClassVar[tuple[str, ...]] = (
        "recipient",
        "sentence",
        "basis",
        "categories",
        "contract",
        "country",
        "bound_by",
    )

    recipient: str
    """As the server says it: a recipient's id in the policy, or a name."""
    sentence: str | None
    """Who that is, as the policy says it; ``None``: the policy does not know."""
    kind: str
    """``operator``, ``affiliate``, ``third_party``, or what the server says."""
    basis: str
    """``consent``, ``law``, ``court``, ``authority``, or what the server says."""
    categories: tuple[str, ...]
    day: date
    safeguard: str | None
    """What binds the recipient, as the policy says it (S2); ``None``: the policy names nothing."""
    contract: Contract | None = None
    """The contract that the recipient signed, by the policy; ``None``: it names none."""
    country: str = ""
    """Where the recipient is, by the policy: two letters (ISO 3166-1); empty: it does not say."""
    bound_by: tuple[str, ...] = ()
    """``safeguard``, ``contract`` and ``country`` in sentences."""
    undeclared: tuple[str, ...] = ()
    """Which of ``recipient``, ``kind``, ``basis`` and ``categories`` are not what the policy declares."""


def read_disclosures(api: Api, *, interactive: bool = True) -> tuple[Disclosure, ...]:
    """Ask the server whom it told; see ``Rights.disclosures``. Without ``interactive``, the user is asked nothing."""
    said = api.call("disclosures.read", answer=wire.DisclosureList, interactive=interactive).value.disclosures
    return tuple(describe(api.permit.policies[0], each) for each in said)


def describe(policy: Policy, said: wire.DisclosureItem) -> Disclosure:
    """Return a disclosure as the server said it, with what the policy says about it, or that it says nothing."""
    known = policy.recipients.get(said.recipient)
    named = {*(category.id for category in policy.document.category), *policy.fields}
    declared = {
        "recipient": known is not None,
        "kind": known is None or known.kind == said.kind,
        "basis": said.basis in BASES,
        "categories": named.issuperset(said.categories),
    }
    return Disclosure(
        recipient=said.recipient,
        sentence=known.sentence["en"] if known else None,
        kind=said.kind,
        basis=said.basis,
        categories=tuple(said.categories),
        day=said.day,
        safeguard=known.safeguard["en"] if known else None,
        contract=known.contract if known else None,
        country=known.country if known else "",
        bound_by=(known.safeguard["en"], *under_contract(known)) if known else (),
        undeclared=tuple(part for part, holds in declared.items() if not holds),
    )
