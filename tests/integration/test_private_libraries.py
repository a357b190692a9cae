"""What real libraries log, at DEBUG: nothing personal is left of it, and what happened can still be read."""

from __future__ import annotations

import asyncio
import http.server
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import loguru
import pytest
import structlog
import urllib3
from support.personal import found_in

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets

NAME, ADDRESS, MAIL, PATH = "Lena Fischer", "127.0.0.1", "lena.fischer@example.org", "/appointments/lena-fischer"
PLANTED = (NAME, MAIL, PATH, "week=12", "secret-cookie-7", "lena-fischer")

pytestmark = pytest.mark.clause("C2")


@pytest.fixture
def rocket(tmp_path: Path) -> Iterator[RocketVPN]:
    secrets = MemorySecrets()
    with RocketVPN.open(
        Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path / "vault", secrets=secrets)
    ) as rocket:
        yield rocket


@pytest.fixture
def recorded(rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch) -> Iterator[RocketVPN]:
    """Record everything that any library logs."""
    root, handler = logging.getLogger(), rocket.journal.handler()
    names = ("urllib3", "httpx", "httpcore", "asyncio")
    for name in names:
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
        logging.getLogger(name).manager._clear_cache()  # type: ignore[attr-defined] # logging's own, for a test that changes levels
    root.addHandler(handler)
    yield rocket
    root.removeHandler(handler)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Set-Cookie", "id=secret-cookie-7")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        return


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{PATH}?week=12"
    server.shutdown()
    thread.join()
    server.server_close()


def kept(rocket: RocketVPN, logger: str = "") -> list[str]:
    entries = [entry for entry in rocket.journal.read() if str(entry.fields["logger"]).startswith(logger)]
    said = [str(entry.fields["message"]) for entry in entries]
    errors = [str(entry.fields["exception"]) for entry in entries if entry.fields["exception"]]
    assert found_in("\n".join(said + errors), PLANTED) == [], said + errors
    return said


def test_urllib3(recorded: RocketVPN, url: str) -> None:
    pool = urllib3.PoolManager()
    pool.request("GET", url, headers={"Cookie": "id=secret-cookie-7"})
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        pool.request("GET", f"http://127.0.0.1:{closed_port()}{PATH}", retries=1)
    pool.clear()
    said = kept(recorded, "urllib3")
    assert any(line.startswith("Starting new HTTP connection (1): [ip]:") for line in said), said
    assert any(" 200 " in line for line in said), said
    assert any(line.startswith("Retrying (") for line in said), said


def test_httpx_and_httpcore(recorded: RocketVPN, url: str) -> None:
    with httpx.Client() as client:
        client.get(url, headers={"Authorization": f"Bearer {MAIL}"})
        with pytest.raises(httpx.ConnectError):
            client.get(f"http://127.0.0.1:{closed_port()}{PATH}")
    assert kept(recorded, "httpx")
    assert kept(recorded, "httpcore")


def test_asyncio(recorded: RocketVPN) -> None:
    async def fails() -> None:
        raise RuntimeError(f"no answer for {NAME}")

    async def work() -> None:
        task = asyncio.create_task(fails(), name=MAIL)
        await asyncio.wait([task])
        del task
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": f"lost {NAME}", "exception": ValueError(MAIL)})

    asyncio.run(work(), debug=True)
    assert any("epoll" in line or "selector" in line.lower() for line in kept(recorded, "asyncio"))


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# ---------------------------------------------------------------- structlog


def structured(*processors: Any, **options: Any) -> Any:
    return structlog.wrap_logger(structlog.PrintLogger(Nowhere()), processors=list(processors), **options)  # type: ignore[arg-type] # structlog types it as anything


class Nowhere:
    def write(self, text: str) -> None:
        return

    def flush(self) -> None:
        return


def test_structlogs_events_by_our_processor(rocket: RocketVPN) -> None:
    log = structured(rocket.journal.structlog_processor(), structlog.processors.JSONRenderer(default=str))
    log.info("tunnel came up", region="de-fra", address="203.0.113.77", user=NAME, took=12.345, tries=2)
    log.bind(peer=MAIL).warning("peer said %s", "nothing")
    try:
        raise ValueError(NAME)
    except ValueError:
        log.exception("it failed", user=NAME, exc_info=True)  # noqa: G202 - what structlog wants
    log.info(f"for {MAIL}")  # noqa: G004 - what apps write
    said = kept(rocket, "structlog")
    assert said[0] == "tunnel came up region=de-fra address=[ip] user=[text] took=12.3 tries=2"
    assert said[1] == "peer said [text] peer=[email]"  # structlog put the value into the text before
    assert said[2] == "it failed user=[text]"
    assert said[3].startswith("for [email]")
    entries = list(rocket.journal.read())
    assert str(entries[2].fields["exception"]).startswith("ValueError([text]) [")
    assert [entry.fields["level"] for entry in entries] == ["INFO", "WARNING", "ERROR", "INFO"]


def test_structlog_over_logging(rocket: RocketVPN) -> None:
    plain = logging.Logger("app.structured", logging.DEBUG)  # noqa: LOG001 - pytest looks into those of the tree
    plain.addHandler(rocket.journal.handler())
    log = structlog.wrap_logger(
        plain,
        processors=[structlog.stdlib.add_log_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    log.info("tunnel came up", region="de-fra", address="203.0.113.77", user=NAME)
    assert kept(rocket)[0].endswith("region=de-fra address=[ip] user=[text]")


def test_what_structlog_formatted_before_is_scrubbed(rocket: RocketVPN) -> None:
    log = structured(
        structlog.processors.KeyValueRenderer(),
        lambda logger, method, text: rocket.journal.structlog_processor()(logger, method, {"event": text}),
        structlog.processors.JSONRenderer(),
    )
    log.info("from", address="203.0.113.77")
    assert kept(rocket) == ["address='[ip]' event='[text]'"]


# ---------------------------------------------------------------- loguru


@pytest.fixture
def log(rocket: RocketVPN) -> Iterator[Any]:
    number = loguru.logger.add(rocket.journal.handler(), level="DEBUG")
    yield loguru.logger
    loguru.logger.remove(number)


def test_loguru(rocket: RocketVPN, log: Any) -> None:
    log.info("tunnel to {} came up in {:.1f} ms for {user}", "de-fra", 12.345, user=NAME)
    log.bind(mail=MAIL).warning("no braces, {no} values")
    log.opt(lazy=True).info("lazy {}", lambda: MAIL)
    log.info(f"for {MAIL}")  # noqa: G004 - what apps write
    try:
        raise ValueError(NAME)
    except ValueError:
        log.exception("failed for {}", NAME)
    said = kept(rocket)
    assert said[:3] == ["tunnel to de-fra came up in 12.3 ms for [user]", "no braces, {no} values", "lazy [email]"]
    assert said[3] == "for [email]"
    assert said[4] == "failed for [text]"


def test_loguru_from_its_own_thread_is_scrubbed(rocket: RocketVPN) -> None:
    number = loguru.logger.add(rocket.journal.handler(), format="{message}", enqueue=True)
    loguru.logger.info("came from {}", "203.0.113.77")
    loguru.logger.complete()
    loguru.logger.remove(number)
    assert kept(rocket) == ["came from [ip]"]
