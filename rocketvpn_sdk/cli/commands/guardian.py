"""``guardian``: a parent's or guardian's agreement, for someone under age."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out


@help_text(
    """Have a code sent to a guardian, with the text for guardians.

    The address is used for that once, and kept neither here nor by the server.
    """
)
def request(
    context: CommandContext,
    contact: Annotated[str, typer.Argument(metavar="ADDRESS", help="The guardian's e-mail address; - reads it.")],
    language: Annotated[str, typer.Option(metavar="TAG", help="The language of the letter.")] = "en",
    of_age: Annotated[bool, typer.Option("--of-age", help="Ask them to say that you are of age now.")] = False,
) -> CommandResult:
    if contact == "-":
        contact = sys.stdin.readline().strip()  # an argument can be seen by other users of the machine
    with context.open() as rocket:
        asked = rocket.consent.request_guardian(contact, language, of_age=of_age)

    def show(out: Out) -> None:
        about = "to say that you are of age" if of_age else f"to agree to version {asked.policy_version} of the policy"
        out.say(f"The letter is on its way. Its code is good {about}, until {words.moment(asked.expires_at)} UTC.")
        out.say("Hand it in with `rocketvpn guardian confirm CODE`.")

    return CommandResult(asked, show)


@help_text("Hand in the guardian's code.")
def confirm(
    context: CommandContext,
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code from the guardian's e-mail; - reads it.")],
) -> CommandResult:
    if code == "-":
        code = sys.stdin.readline().strip()
    with context.open() as rocket:
        rocket.consent.confirm_guardian(code)
        status = rocket.consent.status()
    said = "A guardian agreed. What is optional can be agreed to now."
    return CommandResult(
        {"adult": status.adult, "guardian": status.guardian, "policy_version": status.policy_version},
        lambda out: out.say(said if status.guardian else "A guardian said that you are of age."),
    )


@help_text(
    """Take a guardian's agreement back.

    For someone under 18 every consent ends with it, and what was kept here for them is destroyed.
    """
)
def withdraw(context: CommandContext) -> CommandResult:
    with context.open() as rocket:
        was = rocket.consent.withdraw_guardian()
    said = "The guardian's agreement has ended." if was else "No guardian had agreed; nothing was changed."
    return CommandResult({"withdrawn": was}, lambda out: out.say(said))
