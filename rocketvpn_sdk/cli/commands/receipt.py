"""``receipt``: check a kept receipt when everything else is gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.settings import CONFIG_VARIABLE, place, read_settings
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import ConfigurationError

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import Receipt

_REACHES = {
    "logs": "log data",
    "device": "everything about one device",
    "account": "the whole account, with all its devices",
}
CAVEAT = (
    "This is the operator's word, signed. It cannot be denied later that it was given; that it is true, no signature"
    " can show."
)


@help_text(
    """Check a kept receipt, and say what it says.

    Needs no vault, no server and no device: the signature, the keys and what vouches for them are in the file, and are
    held against the operator's root. They count if they were valid when the receipt was issued.
    """
)
def receipt(
    context: CommandContext,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The receipt that was kept.")],
    root: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The operator's TUF root; else the settings' trusted_root.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help=f"The settings (TOML); else {CONFIG_VARIABLE}.")
    ] = None,
) -> CommandResult:
    del context
    from rocketvpn_sdk.rights import check_receipt_file

    trusted, server = _trusted(root, config)
    checked = check_receipt_file(file, trusted_root=trusted, server=server)
    document = {"holds": True, "claims": checked.claims, "vouched_by": checked.vouched_by, "caveat": CAVEAT}
    return CommandResult(document, lambda out: show(out, checked))


def show(out: Out, receipt: Receipt) -> None:
    """Print what a receipt says, as its issuer's word."""
    claims = receipt.claims
    out.say("The receipt holds.", style="bold")
    out.say("Its keys are the operator's, by the signed files that were kept with it, as of the day it was issued.")
    out.heading("What it says")
    out.facts(
        [
            ("from", claims.iss),
            ("issued", f"{words.moment(utc(claims.iat))} UTC"),
            ("about", _REACHES[claims.scope]),
            ("device", claims.device_id or "none by name"),
            ("request", claims.jti),
        ]
    )
    show_claims(out, receipt)
    out.say()
    out.say(CAVEAT)


def show_claims(out: Out, receipt: Receipt) -> None:
    """Print what was erased, who was told and what is held back."""
    claims = receipt.claims
    out.heading("Erased")
    out.say(words.listed([words.name(field) for field in claims.erased]), indent=2, hanging=2)
    out.heading("Told to erase it too")
    out.say(words.listed(claims.recipients_told, "nobody that it names"), indent=2, hanging=2)
    out.heading("Held back")
    for held in claims.held_back:
        out.bullet(f"{words.name(held.field)}, until {held.until}, {words.basis(held.basis)}")
    if not claims.held_back:
        out.say("nothing that it names", indent=2)


def _trusted(root: Path | None, config: Path | None) -> tuple[Path, str | None]:
    """Return the file of the trusted root, and the server where the settings name it."""
    if config is None and os.environ.get(CONFIG_VARIABLE):
        config = Path(os.environ[CONFIG_VARIABLE])
    if config is None and root is not None:
        return root, None
    settings, base = read_settings(config)
    trusted = root or place(base, settings.trusted_root)
    if trusted is None:
        raise ConfigurationError(problem="a receipt is held against the operator's TUF root; name its file with --root")
    return trusted, settings.server
