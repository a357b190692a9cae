"""Every command of the command line, and what it has to be given."""

from __future__ import annotations

COMMANDS = (
    "demo", "sandbox", "bind", "status", "log", "log tail", "log stats", "view", "sent", "queue", "correct", "export",
    "disclosures", "requests", "delete", "erase", "receipt", "age",
    "consent list", "consent show", "consent grant", "consent deny", "consent withdraw", "consent receipts",
    "guardian request", "guardian confirm", "guardian withdraw", "ticket make", "ticket list", "ticket revoke",
    "unbind", "doctor", "reset", "uninstall",
    "policy check", "policy accept", "policy show", "policy explain", "policy diff", "policy labels", "policy lint",
    "policy stubs",
    "diagnostics show", "diagnostics send", "diagnostics save",
    "updates check", "updates download", "updates certify", "sandbox publish", "sandbox revise", "sandbox sign",
    "surveys list", "surveys show", "surveys answer", "surveys decline", "surveys erase",
    "offers list", "offers take", "offers hide", "policy notices",
)  # fmt: skip
ARGUMENTS = {
    "bind": ["RV-2026-0001"],
    "correct": ["language", "de"],
    "export": ["data.zip"],
    "receipt": ["receipt.json"],
    "consent show": ["improvement"],
    "consent grant": ["improvement"],
    "consent deny": ["improvement"],
    "consent withdraw": ["improvement"],
    "guardian request": ["parent@example.org"],
    "guardian confirm": ["123456"],
    "ticket revoke": ["12345678"],
    "policy explain": ["contact_email"],
    "policy diff": ["old.toml", "new.toml"],
    "policy lint": ["policy.toml"],
    "policy stubs": ["-"],
    "diagnostics save": ["report.json"],
    "uninstall": ["org.example.vpn"],
    "updates certify": ["app"],
    "surveys show": ["speed"],
    "surveys answer": ["speed"],
    "surveys decline": ["speed"],
    "surveys erase": ["speed"],
    "offers take": ["files"],
    "offers hide": ["files"],
    "sandbox sign": ["surveys", "surveys.toml", "--folder", "sandbox"],
    "sandbox publish": ["app.bin", "1.2", "--folder", "sandbox"],
    "sandbox revise": ["1.2", "--folder", "sandbox"],
}


def places(command: str) -> int:
    """Return how many places options have: before each of its words, and behind them."""
    return len(command.split()) + 1
