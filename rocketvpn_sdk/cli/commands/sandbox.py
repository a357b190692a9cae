"""``sandbox``."""

from __future__ import annotations

import importlib
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocketvpn_sdk.cli import codes, files, problems
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.interrupts import interrupts
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.cli.rehearsal import Rehearsal
from rocketvpn_sdk.cli.settings import CONFIG_VARIABLE
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.policy import Policy

if TYPE_CHECKING:
    from rocketvpn_sdk.sandbox import Sandbox
    from rocketvpn_sdk.sandbox.mail import Message


@help_text(
    """Run a server of your own to try things against.

    It runs until Ctrl-C and speaks real TLS, with a certificate authority made for it. The e-mails that a real
    server would send are printed here, with their codes. With --json there is one document when it is ready, one for
    each e-mail, and one for each policy that it publishes.
    """
)
def sandbox(
    context: CommandContext,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it keeps its data; else a temporary folder.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one.")] = 0,
    database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="SQLAlchemy's; else a SQLite file in the folder.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Publish this policy, signed, and again when it changes.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="What clients call, if a proxy is in front: https://host[:port].")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NET",
            help="An address or network of proxies whose word about clients' addresses is taken (repeatable).",
        ),
    ] = None,
    proxy_header: Annotated[
        str, typer.Option(metavar="NAME", help="In which it says so: x-forwarded-for or forwarded.")
    ] = "x-forwarded-for",
    relay: Annotated[
        bool, typer.Option("--relay", help="Run a relay and a gateway, too: reports and their erasure go through them.")
    ] = False,
) -> CommandResult | None:
    import_sandbox()
    from rocketvpn_sdk.sandbox import Front, Sandbox

    front = Front(public_url=public_url, trusted=trusted_proxy or (), header=proxy_header)  # type: ignore[arg-type] # it checks
    if folder is not None:
        files.refuse_vault(folder, name="--folder")
    with stopping_on_signals(), _folder(folder) as place:
        server = Sandbox(place, port=port, database_url=database_url, front=front)
        with ExitStack() as beside:
            _serve(context.out, server, policy, lambda: beside.enter_context(server.relayed()) if relay else None)
    context.out.say("Stopped.")
    return None


def import_sandbox() -> None:
    """Check that the sandbox's packages are there.

    Raises:
        CommandError: they are not.
    """
    try:
        importlib.import_module("rocketvpn_sdk.sandbox")
    except ImportError as error:
        raise CommandError(
            f"The sandbox needs more packages ({error.name} is missing).",
            advice="Install them with: pip install 'rocketvpn-sdk[cli,sandbox]'",
            exit_code=codes.USAGE,
        ) from None


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Let SIGTERM do what SIGINT does, so that everything is cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupts.handler or signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="rocketvpn-sandbox-") as temporary:
        yield Path(temporary)


def _serve(out: Out, server: Sandbox, policy: Path | None, first: Callable[[], object]) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    server.mail.subscribe(lambda message: _mailed(out, message))
    try:
        with _rehearsing(out, server, policy) as begin:
            server.serve_forever(lambda running: _begin(out, running, first, begin))
    except KeyboardInterrupt:  # how it is meant to end
        interrupts.taken()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        problem = f"The database cannot be used ({type(error).__name__})."
        raise CommandError(problem, advice="Correct --database-url.", exit_code=codes.USAGE) from None
    except OSError as error:
        problem = f"The sandbox cannot start: {error.strerror or type(error).__name__}."
        advice = f"Is something else on port {server.port}?" if server.port else ""
        raise CommandError(problem, advice=advice) from None


@contextmanager
def _rehearsing(out: Out, server: Sandbox, policy: Path | None) -> Iterator[Callable[[], None]]:
    """Give what begins to publish ``policy``; nothing to do where there is none."""
    if policy is None:
        yield lambda: None
        return
    rehearsal = Rehearsal(
        policy,
        server.publish,
        published=lambda published: _published(out, published),
        refused=lambda error: _refused(out, error),
    )
    try:
        yield rehearsal.start
    finally:
        rehearsal.stop()


def _begin(out: Out, server: Sandbox, first: Callable[[], object], rehearse: Callable[[], None]) -> None:
    first()
    _ready(out, server)
    rehearse()


def _published(out: Out, policy: Policy) -> None:
    if out.json:
        out.document({"published": {"version": policy.version, "sha256": policy.sha256}})
    else:
        out.raw(f"Published the policy, version {policy.version}, SHA-256 {policy.sha256}")


def _refused(out: Out, error: RocketVPNError) -> None:
    if out.json:
        out.document({"error": problems.described(error)})
    else:
        out.error(f"Error: {problems.sentence(error)} What was published before stays.", as_is=True)


def _ready(out: Out, server: Sandbox) -> None:
    orders = [_order(row) for row in server.rows()["orders"]]
    if out.json:
        out.document(
            {
                "url": server.url,
                "local_url": server.local_url,
                "config": str(server.client_file),
                "trust": str(server.ca_file),
                "orders": orders,
            }
        )
        return
    out.say(f"The sandbox is running at {server.url}", style="bold")
    if server.url != server.local_url:
        out.say(f"Your proxy reaches it at {server.local_url}; it trusts {server.ca_file}.")
    out.say()
    out.say("In another terminal:")
    out.raw(f"  export {CONFIG_VARIABLE}={server.client_file}")
    out.say("rocketvpn bind RV-2026-0001", indent=2)
    out.say()
    rows = [(row["order"], row["devices_allowed"], row["paid_until"], row["contact_email"]) for row in orders]
    out.table(("ORDER", "DEVICES", "PAID UNTIL", "E-MAIL"), rows)
    out.say()
    out.say("Codes that would be e-mailed appear here. Ctrl-C stops the sandbox.")


def _order(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "order": row["number"],
        "devices_allowed": row["device_limit"],
        "paid_until": row["paid_until"],
        "contact_email": row["contact_email"],
    }


def _mailed(out: Out, message: Message) -> None:
    if out.json:
        mail = {"to": message.to, "code": message.code, "text": message.text, "sent_at": message.sent_at}
        out.document({"mail": mail})
    else:
        what = f"the code is {message.code}" if message.code else message.text
        out.say(f"{message.sent_at:%H:%M:%S} UTC  e-mail to {message.to}: {what}")
