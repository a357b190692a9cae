"""A whole life with every logger at DEBUG: what is said, and what a root handler of ours keeps of it (C1, C2, T1)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN, platforms
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.identity import CREDENTIALS, Credentials

MAIL, OTHER_MAIL, WRONG = "anna.private@post.example", "anna.later@post.example", "RV-9999-4711"


class Heard(logging.Handler):
    """Keeps everything that is logged, by anybody, with its arguments and errors."""

    def __init__(self) -> None:
        super().__init__(0)
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = [record.getMessage(), repr(record.args), repr(record.exc_info), repr(vars(record))]
        self.lines.append((record.name, " ".join(said)))


@pytest.fixture
def heard() -> Iterator[Heard]:
    root, handler = logging.getLogger(), Heard()
    level = root.level
    quiet = {
        name: logger.level for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)
    }
    root.setLevel(logging.DEBUG)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.NOTSET)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)


def forms(value: str) -> set[str]:
    """Return how a value could be written."""
    coded = [
        base64.b64encode(b"\0" * offset + value.encode())[4 : 4 * (len(value) // 3)].decode() for offset in range(3)
    ]
    return {
        value, value.lower(), value.upper(), value.encode().hex(), value.encode("utf-16-le").hex(),
        quote(value, safe=""), "".join(f"%{byte:02X}" for byte in value.encode()), repr(value)[1:-1],
        value.replace("-", ""), *coded,
    }  # fmt: skip


def found(values: dict[str, str], text: str) -> set[str]:
    return {
        name for name, value in values.items() for form in forms(value) if form and form.casefold() in text.casefold()
    }


@pytest.mark.clause("C1", "C2", "T1")
def test_no_logger_of_ours_says_anything_personal_and_nothing_of_it_is_kept(
    world: World, heard: Heard, tmp_path: Path
) -> None:
    order = world.sandbox.order(limit=3)
    said: dict[str, str] = {"order": order, "mail": MAIL, "later": OTHER_MAIL, "wrong": WRONG}
    app, root = logging.getLogger("app.life"), logging.getLogger()
    kept: list[str] = []
    with RocketVPN.open(world.config(background=False)) as rocket:
        handler = rocket.journal.handler()
        root.addHandler(handler)
        try:
            said |= live(rocket, world, order, tmp_path)
            for value in said.values():  # the app says it all, in its own words
                app.info("value %s, /v1/x/%s?y=%s, {'v': %r}", value, value, quote(value, safe=""), value)
                app.warning(f"in a sentence: {value.lower()}, {value.upper()}.")
                app.error("failed: %s", value, exc_info=ValueError(f"no {value} there"))
            rocket.journal.flush()
            kept = [str((entry.event, entry.fields)) for entry in rocket.journal.read()]
            rocket.rights.delete(rocket.rights.plan_delete("account"))
        finally:
            root.removeHandler(handler)
    ours = " ".join(text for name, text in heard.lines if f"{name}.".startswith("rocketvpn_sdk."))
    assert found(said, ours) == set()
    assert len(kept) > 3 * len(said)
    assert found(said, "\n".join(kept)) == set()


def live(rocket: RocketVPN, world: World, order: str, folder: Path) -> dict[str, str]:
    """Use the rights and the rest; return what was made on the way."""
    rocket.device.bind(order)
    rocket.consent.declare_age(adult=True)
    rocket.rights.correct({"contact_email": MAIL})
    rocket.rights.view()
    rocket.rights.correct({"contact_email": OTHER_MAIL})
    rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra")
    ticket = rocket.rights.make_ticket("device")
    rocket.rights.tickets()
    for number in ("x y", WRONG):
        with pytest.raises(RocketVPNError) as refused:
            rocket.rights.as_owner(number)
        assert number not in str(refused.value)
    owner = rocket.rights.as_owner(order)
    owner.view()
    rocket.rights.export(folder / "taken.zip")
    rocket.device.list()
    rocket.sync()
    stored = rocket._components.vault.get(CREDENTIALS, Credentials)
    token = rocket._components.api.session._token
    assert stored is not None
    assert token is not None
    binding = rocket.device.binding
    assert binding is not None
    return {
        "device": binding.device_id,
        "refresh": stored.refresh_token,
        "access": token.value,
        "ticket": ticket.code,
        "ticket id": ticket.ticket_id,
        "code": world.sandbox.mail.last_code() or "",
    }


@pytest.mark.clause("C2")
def test_the_names_of_the_user_and_the_machine_are_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        platforms, "personal_names", lambda: ("lfischer", "Lena Fischer", "lenas-thinkpad", "max", "vm")
    )
    with RocketVPN.open(world.config(log_text="scrubbed")) as rocket:
        logger, handler = logging.getLogger("app.names"), rocket.journal.handler()
        logger.addHandler(handler)
        try:
            logger.warning("started on lenas-thinkpad by LFISCHER; mail spool lfischer.lock, hello lena-fischer")
            logger.warning("max 3 tries in the vm; fischer is a trade; /srv/lfischer%%2Fx and %s", "Lena%20Fischer")
            rocket.journal.flush()
            first, second = [entry.fields["message"] for entry in rocket.journal.read()]
        finally:
            logger.removeHandler(handler)
    assert first == "started on [removed] by [removed]; mail spool [removed].lock, hello [user]"
    assert second == "max 3 tries in the vm; fischer is a trade; /srv/[removed]%2Fx and [removed]"


@pytest.mark.clause("C1", "C2")
def test_lines_are_held_against_what_was_known_when_they_were_written_and_after(world: World) -> None:
    order = world.sandbox.order()
    with RocketVPN.open(world.config()) as rocket:
        logger, handler = logging.getLogger("app.binding"), rocket.journal.handler()
        logger.addHandler(handler)
        try:
            number = rocket.device.bind(order).device_id.lower()
            logger.warning("bound as %s...", number[:51] + number[51:])
            rocket.device.unbind()  # before the line above is scrubbed
            rocket.journal.flush()
            (entry,) = rocket.journal.read()
        finally:
            logger.removeHandler(handler)
    assert number[:20] not in entry.fields["message"]
    assert repr(rocket.journal.own_values) == "Known(…)"
