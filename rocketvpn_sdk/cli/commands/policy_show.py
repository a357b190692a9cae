"""``policy show`` and ``policy explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.policy import Explanation, Field, Policy, bundled_policy, explain, load_policy

File = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="The policy (TOML or JSON); else the one that ships.")
]
Language = Annotated[str, typer.Option(metavar="TAG", help="The language of the policy's own sentences.")]


def chosen(file: Path | None) -> Policy:
    """Return the policy in ``file``, or the one that ships.

    Raises:
        PolicyInvalid: it cannot be read, or is not valid.
    """
    return load_policy(file) if file else bundled_policy()


@help_text("Show a policy: what may be held, why, by whom and for how long.")
def show(
    context: CommandContext,
    policy: File = None,
    canonical: Annotated[bool, typer.Option("--canonical", help="Print the form that is signed (RFC 8785).")] = False,
) -> CommandResult:
    del context
    found = chosen(policy)
    document: dict[str, Any] = msgspec.to_builtins(found.document, enc_hook=str)

    def shown(out: Out) -> None:
        if canonical:
            out.exactly(found.canonical_json())
        else:
            _show(out, found)

    return CommandResult({"sha256": found.sha256, "policy": document}, shown)


def _show(out: Out, policy: Policy) -> None:
    document = policy.document
    out.say(document.title["en"], style="bold")
    out.facts(
        [
            ("version", f"{document.version}, in effect from {document.effective.isoformat()}"),
            ("questions", document.contact),
            ("rights", words.listed(document.rights.offered)),
            ("notice", f"{words.counted(document.notice_days, 'day')} ahead of a change that reduces rights"),
        ]
    )
    out.say(f"SHA-256 {policy.sha256}", indent=2)
    out.heading("What for")
    for purpose in document.purpose:
        asked = " You are asked first." if purpose.necessity == "consent" else ""
        out.say(f"{purpose.id}: {purpose.sentence['en']}{asked}", indent=2, hanging=2)
    out.heading("By whom")
    for recipient in document.recipient:
        kind = words.name(recipient.kind)
        out.say(f"{recipient.id} ({kind}): {recipient.sentence['en']}", indent=2, hanging=2)
    for category in document.category:
        out.heading(category.sentence["en"])
        for field in document.field:
            if field.category == category.id:
                _show_field(out, field)
    out.say()
    out.say("`rocketvpn policy explain TERM` says more about any of these words.")


def _show_field(out: Out, field: Field) -> None:
    out.say(f"{field.id}: {field.sentence['en']}", indent=2, hanging=2)
    here, there = field.retention.device, field.retention.server
    kept = [f"here {words.kept(str(here))}"] if here else []
    kept += [f"there {words.kept(str(there))}"] if there else []
    leaves = f"may go to {words.listed(field.recipients)}" if field.recipients else "never leaves this device"
    choice = "; you can leave it out" if field.optional else ""
    out.say(f"for {words.listed(field.purposes)}; {', '.join(kept)}; {leaves}{choice}", indent=4, hanging=2)


@help_text(
    """Explain a word: what, why, how long, who, your choice.

    A field, purpose, recipient, category, operation, clause or transform.
    """
)
def explain_term(
    context: CommandContext,
    term: Annotated[str, typer.Argument(metavar="TERM", help="A word of the policy, e.g. contact_email or A2.")],
    policy: File = None,
    language: Language = "en",
) -> CommandResult:
    del context
    found = explain(chosen(policy), term, language=language)
    return CommandResult(found, lambda out: _show_explanation(out, found))


def _show_explanation(out: Out, found: Explanation) -> None:
    out.say(f"{found.term} ({found.kind}, {words.listed(found.clauses)})", style="bold")
    out.say(found.what, indent=2)
    for head, sentences in (("Why", found.why), ("Who", found.who), ("Your choice", found.choices)):
        if sentences:
            out.heading(head)
        for sentence in sentences:
            out.bullet(sentence)
    kept = [sentence for sentence in (found.how, found.kept_here, found.kept_there) if sentence]
    if kept:
        out.heading("How")
    for sentence in kept:
        out.bullet(sentence)
    if found.fields:
        out.heading("Fields")
        out.say(words.listed(found.fields), indent=2)
