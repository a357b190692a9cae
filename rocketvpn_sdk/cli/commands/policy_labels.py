"""``policy labels``."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rocketvpn_sdk.cli import files, words
from rocketvpn_sdk.cli.commands.policy_show import File, chosen
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.policy import Policy, labels
from rocketvpn_sdk.policy.labels import Collected


class AppStore(StrEnum):
    """Whose labels."""

    apple = "apple"
    android = "android"


_KINDS: dict[AppStore, Callable[[Policy], tuple[Collected, ...]]] = {
    AppStore.apple: labels.apple,
    AppStore.android: labels.android,
}
_FILES: dict[AppStore, Callable[[Policy], bytes]] = {
    AppStore.apple: labels.apple_plist,
    AppStore.android: lambda policy: labels.android_csv(policy).encode("utf-8"),
}
_TITLES = {AppStore.apple: "Apple: PrivacyInfo.xcprivacy", AppStore.android: "Google Play: data safety"}


@help_text(
    """Answer what app stores ask about privacy, from the policy.

    With --output writes Apple's privacy manifest (a property list) or Google's form (CSV).
    """
)
def policy_labels(
    context: CommandContext,
    store: Annotated[AppStore | None, typer.Option(help="Whose; both if not given.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the store's own file; - prints it.")
    ] = None,
    policy: File = None,
    yes: Annotated[bool, typer.Option("--yes", help="Replace FILE if it is there, without asking.")] = False,
) -> CommandResult:
    found = chosen(policy)
    if output and store is None:
        raise ValueRefused(name="--output", problem="it needs --store, since each store has a file of its own")
    if output and store:
        content = _FILES[store](found)
        files.check_or_ask(output, context.out, name="--output", yes=yes)
        if files.is_stdout(output):
            return CommandResult(None, lambda _: files.pour(content))
        files.write(output, content, name="--output", overwrite=True)
    stores = [store] if store else list(AppStore)
    document = {each.value: _KINDS[each](found) for each in stores}
    unmapped = labels.unmapped(found)

    def show(out: Out) -> None:
        for each in stores:
            out.heading(_TITLES[each])
            for kind in document[each.value]:
                _show_kind(out, kind)
        if unmapped:
            out.say()
            out.say(f"Declared as something other, for want of a better word: {words.listed(unmapped)}.")
        if output:
            out.say()
            out.say(f"Written to {output}.")

    return CommandResult({**document, "unmapped": unmapped, "file": str(output) if output else None}, show)


def _show_kind(out: Out, kind: Collected) -> None:
    marks = {
        "tied to the user": kind.linked,
        "shared": kind.shared,
        "used for tracking": kind.tracking,
        "optional": kind.optional,
        "not kept": kind.ephemeral,
    }
    said = words.listed([mark for mark, holds in marks.items() if holds], nothing="not tied to the user")
    out.say(f"{kind.kind}: {said}", indent=2, hanging=2)
    out.say(f"for {words.listed(kind.purposes)}", indent=4, hanging=2)
    out.say(f"from {words.listed(kind.fields)}", indent=4, hanging=2)
