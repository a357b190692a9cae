"""Writes docs/policy-traceability.md: each clause of the policy, what the SDK does, in which files, and which tests.

    python tests/support/traceability.py

Tests say which clauses they prove with ``@pytest.mark.clause("A2")``; the rest of the page is the table below. A test
(tests/unit/test_traceability.py) fails when the page is not what this script would write.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).parents[1]))

from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.policy.in_use import in_use
from support.clauses import CLAUSES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "policy-traceability.md"
PACKAGE = "rocketvpn_sdk"


class Clause(NamedTuple):
    """What the SDK does about a clause, the files that do it, and what is not there yet."""

    does: str
    code: tuple[str, ...]
    missing: str = ""


WHAT: dict[str, Clause] = {
    "P1": Clause(
        "Everything in the policy has a plain sentence; `policy.explain` says of any term what, why, how long and who; "
        "a notice stands before every choice and every change.",
        (
            "policy/rocketvpn.toml",
            "policy/explaining.py",
            "policy/describe.py",
            "consent/notices.py",
            "errors/rules.py",
        ),
    ),
    "P2": Clause(
        "Each feature says which fields and purposes it needs; `features.status` says whether it works, and which "
        "choices would make it work. Refusing something optional stops nothing that does not need it.",
        (
            "policy/rocketvpn.toml",
            "policy/decide.py",
            "features.py",
            "cli/commands/features.py",
            "rights/report/promised.py",
        ),
    ),
    "P3": Clause(
        "The policy names where questions go; the report and the errors that send somebody there repeat it.",
        ("policy/rocketvpn.toml", "rights/report/model.py", "errors/rules.py"),
    ),
    "C1": Clause(
        "Binding sends the order number, a device ID made for this app and order alone, and a public key.",
        ("groups/device.py", "identity.py", "transport/guard.py"),
    ),
    "C2": Clause(
        "Only declared fields are recorded, minimised first; cookies are refused, the public address is never looked "
        "up, addresses in text are cut or taken out.",
        (
            "journal/minimise.py",
            "journal/scrub/table.py",
            "policy/catalogue.py",
            "policy/decide.py",
            "transport/guard.py",
        ),
    ),
    "C3": Clause(
        "An e-mail address and a language are optional, correctable, and kept by the server alone.",
        ("policy/rocketvpn.toml", "rights/correct.py"),
    ),
    "U1": Clause(
        "The app's own operations run for the purpose `service`, if the policy declares them.",
        ("client.py", "transport/api.py", "transport/guard.py"),
    ),
    "U2": Clause(
        "Every call is signed by the device's key (DPoP), so that a stolen token is worth nothing elsewhere.",
        ("transport/proof.py", "transport/session.py", "identity.py"),
    ),
    "U3": Clause(
        "The purpose `improvement` does nothing without a consent that lives, given to a notice that was shown. "
        "Reports are seen before they go, go sealed through a relay, and say nobody's name; a withdrawal destroys what "
        "was kept, drops what waits, and has what was sent erased.",
        (
            "policy/decide.py",
            "consent/decisions.py",
            "consent/reports.py",
            "groups/diagnostics.py",
            "diagnostics/delivery.py",
            "oblivious/encapsulation.py",
            "transport/guard.py",
            "transport/oblivious.py",
        ),
    ),
    "U4": Clause(
        "Releases come from lists that the operator signed; which one fits is decided on the device; a download says"
        " which version and platform, and not who asks; what is installed is compared with what was signed.",
        (
            "policy/rocketvpn.toml",
            "signed_files/trust.py",
            "updates/releases.py",
            "updates/download.py",
            "updates/certify.py",
            "transport/receiving.py",
        ),
    ),
    "U5": Clause(
        "Every device fetches the same signed list of surveys, and decides by itself which are for it; they are shown "
        "to who agreed. Answers are seen before they go, go sealed through a relay with a random number of their own, "
        "and can be taken back; a withdrawal destroys what is remembered and has what was sent erased.",
        (
            "groups/surveys.py",
            "policy/in_use.py",
            "surveys/answers.py",
            "audience.py",
            "consent/responses.py",
            "diagnostics/delivery.py",
            "signed_files/lists.py",
            "sandbox/surveys.py",
        ),
    ),
    "U6": Clause(
        "Without a consent to `cross_service`, `Sec-GPC: 1` goes with every request. With it, offers of other services "
        "are chosen on the device from a signed list that everybody fetches; taking one is a call to its company, "
        "which has a consent of its own and is not told who asks.",
        (
            "policy/rocketvpn.toml",
            "policy/decide.py",
            "groups/offers.py",
            "audience.py",
            "consent/offers.py",
            "transport/exchange.py",
        ),
    ),
    "U7": Clause(
        "An undeclared purpose, field, event, operation or member of a request is refused before anything happens; so "
        "is a consent to a purpose that nothing is used for.",
        (
            "policy/checks.py",
            "policy/catalogue.py",
            "policy/decide.py",
            "policy/in_use.py",
            "consent/notices.py",
            "transport/guard.py",
        ),
    ),
    "A1": Clause(
        "One report of what is held here and at the server, and of what was sent; all of it in one file to take along.",
        ("rights/view.py", "rights/report/model.py", "rights/export.py", "rights/requests.py", "transport/sent.py"),
    ),
    "A2": Clause(
        "Correctable fields can be corrected, and are read back; a change made elsewhere is not overwritten.",
        ("rights/correct.py", "policy/rocketvpn.toml"),
    ),
    "A3": Clause(
        "A deletion destroys keys here at once, offline too, and asks the server, whose signed receipt is verified.",
        ("rights/plan.py", "rights/delete.py", "rights/receipts.py", "vault/keys.py", "transport/delivery.py"),
    ),
    "A4": Clause(
        "What deletes or replaces a device asks for a code sent by e-mail; the device's key proves every other call.",
        ("transport/grants.py", "transport/session.py", "transport/proof.py"),
    ),
    "S1": Clause(
        "A third party needs a live consent that names it; a host of no declared recipient cannot be reached.",
        ("policy/decide.py", "policy/checks.py", "transport/guard.py"),
    ),
    "S2": Clause(
        "A recipient without a declared safeguard makes the policy invalid. It declares its contract and country; "
        "past the contract's review nothing goes there, and the user is told. The list of disclosures names them.",
        (
            "policy/checks.py",
            "policy/decide.py",
            "policy/publishing.py",
            "policy/findings/fields.py",
            "maintenance/safeguards.py",
            "rights/disclosures.py",
        ),
    ),
    "S3": Clause(
        "A server may name a law, a court or an authority, and nothing else, as its basis without a consent; whom it "
        "told is listed, and what the policy does not declare is marked.",
        ("wire/data.py", "rights/disclosures.py", "sandbox/disclosures.py", "sandbox/erasure.py"),
    ),
    "R1": Clause(
        "Each field has an end in each place, within its category's bound; what is past it is never read again, and a "
        "clock that is set back changes nothing.",
        ("policy/checks.py", "policy/decide.py", "journal/retention.py", "vault/partitions.py", "clock.py"),
    ),
    "R2": Clause(
        "What a server has to keep is listed with basis and end, in the plan of a deletion and in its receipt.",
        ("rights/plan.py", "rights/receipts.py", "sandbox/erasure.py", "wire/rights.py"),
    ),
    "T1": Clause(
        "TLS 1.3 with verified chains and pins on the way; authenticated encryption and the system's keyring at rest; "
        "secrets do not show in what is printed or logged.",
        ("transport/tls.py", "transport/pins.py", "vault/sealing.py", "vault/secrets.py", "masking.py"),
    ),
    "T2": Clause(
        "The report says that no measure is perfect; the threat model says what is not protected. A signed notice of a "
        "breach reaches every user, with what to do, and stays in sight until it was read.",
        ("rights/report/model.py", "policy_versions/operator_notices.py", "groups/policy.py"),
    ),
    "M1": Clause(
        "Age is a yes or a no; unset counts as a minor. Without a guardian nothing optional is kept or sent; "
        "a test walks every public call to show it.",
        ("consent/age.py", "consent/minors.py", "policy/decide.py", "groups/guardians.py"),
        "who holds the guardian's address cannot be verified",
    ),
    "M2": Clause(
        "A guardian's agreement names the policy's version and SHA-256, and counts for that text alone.",
        ("consent/guardian.py", "consent/minors.py", "groups/guardians.py", "sandbox/guardians.py"),
    ),
    "M3": Clause(
        "A text for guardians is part of the policy, in each of its languages, and goes with every request to one.",
        ("policy/rocketvpn.toml", "policy/checks.py", "groups/guardians.py", "sandbox/guardians.py"),
    ),
    "X1": Clause(
        "Versions are signed (TUF) and only grow; an older, frozen or altered one is refused; the last good one stays.",
        ("signed_files/trust.py", "signed_files/folder.py", "policy_versions/store.py", "policy/canonical.py"),
    ),
    "X2": Clause(
        "What a new version takes is found tuple by tuple, announced, and binds only after it was shown for the days "
        "of notice and its date has come; until then the device does what both versions allow. What narrows holds at "
        "once, for what is stored too.",
        (
            "policy/change.py",
            "policy/findings/calls.py",
            "policy/members.py",
            "policy/findings/fields.py",
            "policy/combined.py",
            "policy_versions/state.py",
            "policy_versions/operator_notices.py",
            "groups/policy.py",
            "sandbox/notices.py",
        ),
    ),
    "X3": Clause(
        "Once shown and due, the new version holds; consents that it widens fall back to unset.",
        ("policy_versions/state.py", "policy_versions/store.py", "consent/ending.py", "groups/policy.py"),
    ),
}


class Proof(NamedTuple):
    """A test, or with an empty name a whole file, that carries a clause's mark."""

    file: str
    test: str


# ---------------------------------------------------------------- the marks


def _marks(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the clauses of every ``pytest.mark.clause(...)`` in ``nodes``."""
    for node in nodes:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.clause":
                yield from (argument.value for argument in call.args if isinstance(argument, ast.Constant))


def _proofs(body: Sequence[ast.stmt], file: str, prefix: str = "") -> Iterator[tuple[str, Proof]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            for clause in _marks(node.decorator_list):
                yield clause, Proof(file, node.name)
            yield from _proofs(node.body, file, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for clause in _marks(node.decorator_list):
                yield clause, Proof(file, prefix + node.name)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            for clause in _marks([node.value]):
                yield clause, Proof(file, prefix.rstrip("."))


def collect(tests: Path = ROOT / "tests") -> dict[str, list[Proof]]:
    """Return the tests that carry each clause's mark, by reading the files; nothing is imported."""
    found: dict[str, set[Proof]] = {clause: set() for clause in CLAUSES}
    for path in tests.rglob("test_*.py"):
        file = path.relative_to(tests.parent).as_posix()
        for clause, proof in _proofs(ast.parse(path.read_text("utf-8")).body, file):
            found[clause].add(proof)
    return {clause: sorted(proofs) for clause, proofs in found.items()}


# ---------------------------------------------------------------- the page

HEAD = """\
---
orphan: true
---

# The policy, clause by clause

<!-- Written by `python tests/support/traceability.py`; edit that file, not this page. -->

What each clause of the privacy policy became: what the SDK does, the files that do it, and the tests that carry the
clause's mark. Tests prove what runs on the device; what a server does with what it has is the operator's word.

- **held**: done, and proven by tests
- **in part**: what is done is proven by tests; the page says what is not there yet
- **open**: no test proves it
"""


def missing(clause: str) -> str:
    """Return what is not there yet: what the table says, or that the bundled policy uses nothing for a purpose."""
    policy = bundled_policy()
    idle = [part.id for part in policy.document.purpose if part.clause == clause and not in_use(policy, part.id)]
    said = f"the bundled policy has no operation and no event for {', '.join(f'`{name}`' for name in idle)}"
    return "; ".join(filter(None, (WHAT[clause].missing, said if idle else "")))


def state(clause: str, proofs: dict[str, list[Proof]]) -> str:
    """Return ``held``, ``in part`` or ``open``."""
    if not proofs[clause]:
        return "open"
    return "in part" if missing(clause) else "held"


def _by_file(proofs: Sequence[Proof]) -> Iterator[str]:
    files: dict[str, list[str]] = {}
    for proof in proofs:
        files.setdefault(proof.file, []).append(proof.test)
    for file, tests in files.items():
        names = "every test" if "" in tests else ", ".join(f"`{test}`" for test in tests)
        yield f"- `{file}`: {names}"


def _section(clause: str, proofs: dict[str, list[Proof]]) -> Iterator[str]:
    what = WHAT[clause]
    yield f"## {clause}: {CLAUSES[clause].rstrip('.')}"
    yield f"{what.does}"
    if what.code:
        yield "Code: " + ", ".join(f"`{PACKAGE}/{file}`" for file in what.code)
    if lacks := missing(clause):
        yield f"Not there yet: {lacks}."
    yield "Tests:\n\n" + "\n".join(_by_file(proofs[clause])) if proofs[clause] else "Tests: none."


def _open(proofs: dict[str, list[Proof]]) -> Iterator[str]:
    for clause, sentence in CLAUSES.items():
        if state(clause, proofs) == "open":
            yield f"- **{clause}** ({sentence.rstrip('.')}): {missing(clause) or 'a test that proves it'}"


def page(proofs: dict[str, list[Proof]] | None = None) -> str:
    """Return the whole page."""
    proofs = collect() if proofs is None else proofs
    rows = [f"| [{clause}](#{anchor(clause)}) | {CLAUSES[clause]} | {state(clause, proofs)} |" for clause in CLAUSES]
    table = "\n".join(["| clause | the policy says | state |", "|---|---|---|", *rows])
    parts = [HEAD.rstrip("\n"), table, "## Open clauses", "\n".join(_open(proofs)) or "None."]
    for clause in CLAUSES:
        parts += _section(clause, proofs)
    return "\n\n".join(parts) + "\n"


def anchor(clause: str) -> str:
    """Return the anchor of a clause's section, as GitHub and MyST make it of the heading."""
    heading = f"{clause}: {CLAUSES[clause].rstrip('.')}".lower()
    return "".join(letter for letter in heading if letter.isalnum() or letter in " -_").replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    states = [state(clause, collect()) for clause in CLAUSES]
    sys.stderr.write(", ".join(f"{states.count(name)} {name}" for name in ("held", "in part", "open")) + "\n")
