"""``policy labels``."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rocketvpn_sdk.cli import files, words
from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.commands.policy_show import File, chosen
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.policy import Policy, labels
from rocketvpn_sdk.policy.labels import Collected


class Store(StrEnum):
    """Whose labels."""

    apple = "apple"
    android = "android"


_KINDS: dict[Store, Callable[[Policy], tuple[Collected, ...]]] = {
    Store.apple: labels.apple,
    Store.android: labels.android,
}
_FILES: dict[Store, Callable[[Policy], bytes]] = {
    Store.apple: labels.apple_plist,
    Store.android: lambda policy: labels.android_csv(policy).encode("utf-8"),
}
_TITLES = {Store.apple: "Apple: PrivacyInfo.xcprivacy", Store.android: "Google Play: data safety"}


@help_text(
    """Answer what app stores ask about privacy, from the policy.

    With --output writes Apple's privacy manifest (a property list) or Google's form (CSV).
    """
)
def policy_labels(
    call: Call,
    store: Annotated[Store | None, typer.Option(help="Whose; both if not given.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the store's own file; - prints it.")
    ] = None,
    policy: File = None,
    yes: Annotated[bool, typer.Option("--yes", help="Replace FILE if it is there, without asking.")] = False,
) -> Answer:
    found = chosen(policy)
    if output and store is None:
        raise ValueRefused(name="--output", problem="it needs --store, since each store has a file of its own")
    if output and store:
        content = _FILES[store](found)
        files.check_or_ask(output, call.out, name="--output", yes=yes)
        if files.is_stdout(output):
            return Answer(None, lambda _: files.pour(content))
        files.write(output, content, name="--output", overwrite=True)
    stores = [store] if store else list(Store)
    document = {each.value: _KINDS[each](found) for each in stores}
    unmapped = labels.unmapped(found)

    def show(out: Out) -> None:
        for each in stores:
            out.heading(_TITLES[each])
            for kind in document[each.value]:
                _show_kind(out, kind)
        if unmapped:
            out.say()
            out.say(f"Declared as something other, for want of a better word: {words.joined(unmapped)}.")
        if output:
            out.say()
            out.say(f"Written to {output}.")

    return Answer({**document, "unmapped": unmapped, "file": str(output) if output else None}, show)


def _show_kind(out: Out, kind: Collected) -> None:
    marks = {
        "tied to the user": kind.linked,
        "shared": kind.shared,
        "used for tracking": kind.tracking,
        "optional": kind.optional,
        "not kept": kind.ephemeral,
    }
    said = words.joined([mark for mark, holds in marks.items() if holds], nothing="not tied to the user")
    out.say(f"{kind.kind}: {said}", indent=2, hanging=2)
    out.say(f"for {words.joined(kind.purposes)}", indent=4, hanging=2)
    out.say(f"from {words.joined(kind.fields)}", indent=4, hanging=2)
