"""``context``: one of the app's own operations."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult
from rocketvpn_sdk.cli.plain import ascii_json, plain
from rocketvpn_sdk.errors import ValueRefused


@help_text(
    """Call one of the app's own operations.

    A NAME=VALUE is text, a NAME:=VALUE is JSON (a number, true, a list). Only what the policy declares leaves.

    If the outcome of a write is not known, the error names its idempotency key. Run the command again with that key and
    the same values: then it is done once.
    """
)
def own_call(
    context: CommandContext,
    operation: Annotated[str, typer.Argument(metavar="OPERATION", help="Its name in the policy.")],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="What goes along, by its name in the policy.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Do it once for this key, however often it is repeated; writes only."),
    ] = None,
) -> CommandResult:
    fields = _fields(values or [])
    with context.open() as rocket:
        answer = rocket.call(operation, idempotency_key=idempotency_key, **fields)
    return CommandResult({"operation": operation, "answer": answer}, lambda out: out.raw(ascii_json(plain(answer))))


def _fields(values: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for given in values:
        name, sign, value = given.partition("=")
        json = name.endswith(":")
        name = name.removesuffix(":")
        if not sign or not name or name in {*fields, "operation", "idempotency_key"}:
            problem = "each has a name and a sign of equality, as in public_key=..., and none comes twice"
            raise ValueRefused(name="NAME=VALUE", problem=problem)
        fields[name] = _decoded(value) if json else value
    return fields


def _decoded(value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError):
        raise ValueRefused(name="NAME:=VALUE", problem="what stands behind := is no JSON") from None
