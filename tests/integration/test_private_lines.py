"""Log lines in private mode: a constant text stays, values become their kind, whichever way they were logged."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import queue
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.personal import found_in
from support.policies import edited

from rocketvpn_sdk import Config, Limits, RocketVPN, hashed, private, public
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

NAME, ADDRESS, MAIL = "Lena Fischer", "203.0.113.77", "lena@example.org"
PLANTED = (NAME, ADDRESS, MAIL, "fischer")
UP = "tunnel for %s is up"
"""A constant of the module, and not of a function."""

pytestmark = pytest.mark.clause("C2")


def opened(folder: Path, **options: Any) -> RocketVPN:
    secrets = options.pop("secrets", None) or MemorySecrets()
    unlock = options.pop("unlock", True)
    config = Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=folder, secrets=secrets, **options)
    return RocketVPN.open(config, unlock=unlock)


@pytest.fixture
def rocket(tmp_path: Path) -> Iterator[RocketVPN]:
    with opened(tmp_path / "vault") as rocket:
        yield rocket


@pytest.fixture
def log(rocket: RocketVPN) -> Iterator[logging.Logger]:
    yield from logger_to(rocket.journal.handler())


def logger_to(handler: logging.Handler) -> Iterator[logging.Logger]:
    log = logging.Logger("app.private", logging.DEBUG)  # noqa: LOG001 - pytest looks into those of the tree
    log.addHandler(handler)
    yield log


def kept(rocket: RocketVPN) -> list[str]:
    lines = [str(entry.fields["message"]) for entry in rocket.journal.read()]
    errors = [str(entry.fields["exception"]) for entry in rocket.journal.read() if entry.fields["exception"]]
    assert found_in(" ".join(lines + errors), PLANTED) == [], lines + errors
    return lines


def error(rocket: RocketVPN) -> str:
    (found,) = [str(entry.fields["exception"]) for entry in rocket.journal.read()]
    assert found_in(found, PLANTED) == []
    return found


# ---------------------------------------------------------------- texts and values


def test_a_constant_stays_and_its_values_become_their_kind(rocket: RocketVPN, log: logging.Logger) -> None:
    log.info("connected to %s as %s in %.1f ms, try %d", ADDRESS, NAME, 1234.5, 3)
    log.info(UP, NAME)
    log.info("region %s is %s", "de-fra", "connected")
    log.info("kept apart: %s %s %s", public("v1.2"), private(5), NAME)
    assert kept(rocket) == [
        "connected to [ip] as [user] in 1230.0 ms, try 3",
        "tunnel for [text] is up",
        "region de-fra is connected",
        "kept apart: v1.2 [private] [text]",
    ]


def test_a_text_that_is_no_constant_is_scrubbed_and_its_values_are_masked_all_the_same(
    rocket: RocketVPN, log: logging.Logger
) -> None:
    log.info(f"from {ADDRESS} for %s", NAME)  # noqa: G004 - what apps write
    log.info("from " + ADDRESS)  # noqa: G003 - as above
    log.info("from %s" % ADDRESS)  # noqa: G002, UP031 - as above
    log.info("from {}".format(ADDRESS))  # noqa: G001, UP032 - as above
    log.info(ADDRESS)
    assert kept(rocket) == ["from [ip] for [text]", "from [ip]", "from [ip]", "from [ip]", "[ip]"]


def test_no_value_is_kept_for_being_equal_to_a_constant(rocket: RocketVPN, log: logging.Logger) -> None:
    assert "some constant of this code"
    log.info("it is %s", "some constant of this code")
    log.info("%s", "tunnel for %s is up")
    assert kept(rocket) == ["it is [text]", "[text]"]


def test_the_device_is_taken_out_of_constants_and_public_values(rocket: RocketVPN, log: logging.Logger) -> None:
    log.info("before: the host KNOWN-NAME-7 answers %s", public("KNOWN-NAME-7"))
    rocket.journal.known("KNOWN-NAME-7")
    log.info("before: the host KNOWN-NAME-7 answers %s", public("KNOWN-NAME-7"))
    log.info("after: it answers %s", public("KNOWN-NAME-7"))
    assert kept(rocket)[1:] == ["before: the host [removed] answers [removed]", "after: it answers [removed]"]


def test_a_word_that_scrubbing_takes_out_is_no_vocabulary(tmp_path: Path) -> None:
    text = edited("vocabulary", "connection", '"started",', '"started", "clinic.example.org",')
    with opened(tmp_path / "vault", policy=parse_policy(text)) as rocket:
        for log in logger_to(rocket.journal.handler()):
            log.info("it %s at %s", "started", "clinic.example.org")
        assert kept(rocket) == ["it started at [host]"]


def test_named_values_extra_and_adapters(rocket: RocketVPN, log: logging.Logger) -> None:
    log.info("%(user)s came from %(where)s after %(n)d", {"user": NAME, "where": ADDRESS, "n": 2, "not shown": MAIL})
    log.info("for %s", NAME, extra={"user": NAME, "ip": ADDRESS})
    logging.LoggerAdapter(log, {"user": NAME}).info("adapted %s", NAME)
    log.info("%s", {"user": NAME})
    log.info("%s", types.MappingProxyType({"user": NAME}))
    assert kept(rocket) == ["[user] came from [ip] after 2", "for [text]", "adapted [text]", "[dict]", "[dict]"]


def test_a_wrapper_names_its_caller_by_stacklevel(rocket: RocketVPN, log: logging.Logger) -> None:
    def said(text: str, *values: object) -> None:
        log.info(text, *values, stacklevel=2)

    said("through a wrapper: %s", NAME)
    assert kept(rocket) == ["through a wrapper: [text]"]


class BraceMessage:
    """From Python's logging cookbook."""

    def __init__(self, fmt: str, /, *args: object, **kwargs: object) -> None:
        self.fmt = fmt
        self.args = args
        self.kwargs = kwargs

    def __str__(self) -> str:
        return self.fmt.format(*self.args, **self.kwargs)


class DollarMessage:
    def __init__(self, fmt: str, /, **kwargs: object) -> None:
        self.fmt = fmt
        self.kwargs = kwargs


def test_braces_and_dollars(rocket: RocketVPN, log: logging.Logger) -> None:
    log.info(BraceMessage("{} came from {where} in {:.2f} s", NAME, 1.5, where=ADDRESS))
    log.info(DollarMessage("$who came from ${where}", who=NAME, where=ADDRESS))
    log.info(BraceMessage("just {braces}"))
    assert kept(rocket) == ["[text] came from [ip] in 1.50 s", "[text] came from [ip]", "just {braces}"]


def test_too_few_and_too_many_values(rocket: RocketVPN, log: logging.Logger) -> None:
    log.info("needs two: %s %s", NAME)
    log.info("needs one: %s", 1, NAME)
    log.info("needs a number: %d", NAME)
    assert kept(rocket) == ["needs two: [text] [missing]", "needs one: 1", "needs a number: [text]"]


def test_a_message_that_is_no_text(rocket: RocketVPN, log: logging.Logger) -> None:
    log.info(ValueError(NAME, 3))
    log.info({"user": NAME})
    log.info(None)
    log.info(b"x")
    log.info(42)
    assert kept(rocket) == ["ValueError([text], 3)", "[dict]", "None", "[bytes]", "42"]


# ---------------------------------------------------------------- hashes


def test_hashes_link_lines_of_one_log_and_no_other(tmp_path: Path) -> None:
    said = []
    for folder in ("one", "two"):
        with opened(tmp_path / folder) as rocket:
            for log in logger_to(rocket.journal.handler()):
                log.info("peer %s", hashed(NAME))
                log.info("peer %s", hashed(NAME))
                log.info("peer %s", hashed(MAIL))
            said.append(kept(rocket))
    for one, again, other in said:
        assert one == again != other
    assert said[0][0] != said[1][0]


def test_hashes_do_not_link_epochs(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path / "vault", clock=clock) as rocket:
        for log in logger_to(rocket.journal.handler()):
            log.info("peer %s", hashed(NAME))
            rocket.journal.flush()
            clock.advance(3 * 86_400)
            log.info("peer %s", hashed(NAME))
        one, other = kept(rocket)
    assert one != other


# ---------------------------------------------------------------- exceptions and warnings


class Broken(Exception):
    pass


def test_an_exception_loses_its_values_and_keeps_where_it_was(rocket: RocketVPN, log: logging.Logger) -> None:
    try:
        try:
            raise ConnectionRefusedError(111, NAME)
        except OSError as cause:
            failed = Broken(f"no answer for {NAME}", ADDRESS, 7)
            failed.add_note(MAIL)
            raise failed from cause
    except Broken:
        log.exception("it failed for %s", NAME)
    said = error(rocket)
    assert said.startswith(f"{__name__}.Broken([text], [ip], 7) from ConnectionRefusedError(111 ECONNREFUSED, [text])")
    assert "test_private_lines.py:" in said
    assert "test_an_exception_loses_its_values_and_keeps_where_it_was]" in said
    assert kept(rocket) == ["it failed for [text]"]


def test_the_text_of_an_exception_stays_where_it_is_written_in_the_statement_that_raised_it(
    rocket: RocketVPN, log: logging.Logger
) -> None:
    try:
        raise Broken("the handshake did not finish")
    except Broken as failed:
        log.warning("gave up: %s", failed)
        log.warning("gave up: %s", Broken("the handshake did not finish"))  # raised by nobody
    try:
        raise Broken(NAME)  # a constant of this module, but not of this line
    except Broken as failed:
        log.warning("gave up: %s", failed)
    assert kept(rocket) == [
        f"gave up: {__name__}.Broken: the handshake did not finish",
        f"gave up: {__name__}.Broken([text])",
        f"gave up: {__name__}.Broken([text])",
    ]


def test_a_warning_keeps_its_kind_and_place(rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = rocket.journal.handler()
    log = logging.getLogger("py.warnings")
    log.addHandler(handler)
    monkeypatch.setattr(log, "propagate", False)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            monkeypatch.setattr(warnings, "showwarning", logging._showwarning)  # type: ignore[attr-defined] # what captureWarnings puts there
            warnings.warn("this way is old", DeprecationWarning, stacklevel=1)
            warnings.warn(f"no answer from {ADDRESS}", RuntimeWarning, stacklevel=1)
    finally:
        logging.captureWarnings(False)
        log.removeHandler(handler)
    one, other = kept(rocket)
    assert one.startswith("DeprecationWarning: this way is old [test_private_lines.py:")
    assert other.startswith("RuntimeWarning: no answer from [ip] [test_private_lines.py:")


# ---------------------------------------------------------------- on the way


def test_our_queue_handler_keeps_text_and_values_apart(rocket: RocketVPN) -> None:
    waiting: queue.Queue[Any] = queue.Queue()
    plain: list[str] = []

    class Plain(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            plain.append(self.format(record))

    listener = logging.handlers.QueueListener(waiting, rocket.journal.handler(), Plain())
    listener.start()
    for log in logger_to(rocket.journal.queue_handler(waiting)):
        log.info("connected to %s as %s", ADDRESS, NAME)
        try:
            raise Broken(NAME)
        except Broken:
            log.exception("failed for %s with %s", NAME, hashed(NAME))
    listener.stop()
    one, other = kept(rocket)
    assert one == "connected to [ip] as [user]"
    assert other.startswith("failed for [text] with [hash:")
    assert "Broken([text])" in str([entry.fields["exception"] for entry in rocket.journal.read()][1])
    assert plain[0] == "connected to [ip] as [user]"
    assert found_in(" ".join(plain), PLANTED) == []


def test_behind_the_stock_queue_handler_the_formatted_line_is_scrubbed(rocket: RocketVPN) -> None:
    waiting: queue.Queue[Any] = queue.Queue()
    listener = logging.handlers.QueueListener(waiting, rocket.journal.handler())
    listener.start()
    for log in logger_to(logging.handlers.QueueHandler(waiting)):
        log.info("connected to %s", ADDRESS)
    listener.stop()
    assert kept(rocket) == ["connected to [ip]"]


def test_lines_of_before_the_vault_was_unlocked(tmp_path: Path) -> None:
    with opened(tmp_path / "vault", unlock=False, limits=Limits(flush_interval=3600.0)) as rocket:
        for log in logger_to(rocket.journal.handler()):
            log.info("connected to %s as %s", ADDRESS, NAME)
            log.info("peer %s", hashed(NAME))
            rocket.journal.flush()
        rocket.unlock()
        assert kept(rocket) == ["connected to [ip] as [user]", "peer [hashed]"]


def test_what_waits_in_memory_holds_no_value(tmp_path: Path) -> None:
    with opened(tmp_path / "vault", limits=Limits(flush_interval=3600.0)) as rocket:
        for log in logger_to(rocket.journal.handler()):
            log.info("connected to %s as %s, %s", ADDRESS, NAME, {"mail": MAIL})
        waiting = list(rocket._components.journal._backlog._given)  # type: ignore[attr-defined] # the real backlog
        assert len(waiting) == 1
        line = waiting[0][3][2]
        assert found_in(repr((line.template, line.parts, line.fields)), PLANTED) == []


def test_the_other_mode_scrubs_the_formatted_line(tmp_path: Path) -> None:
    with opened(tmp_path / "vault", log_text="scrubbed") as rocket:
        for log in logger_to(rocket.journal.handler()):
            log.info("the constant 203.0.113.77 and %s in %d tries", "some text", 10**7)
        assert kept(rocket) == ["the constant [ip] and some text in 10000000 tries"]


def test_a_coroutine_is_a_caller_too(rocket: RocketVPN, log: logging.Logger) -> None:
    async def work() -> None:
        log.info("in a coroutine: %s", NAME)

    asyncio.run(work())
    assert kept(rocket) == ["in a coroutine: [text]"]
