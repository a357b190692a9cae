"""The server itself: TLS, folder, start and stop, routes, faults, and what it writes down."""

from __future__ import annotations

import logging
import socket
import ssl
import stat
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateTable
from support.dpop_client import Peer, problem_code

from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.sandbox import Message, Sandbox, server, tables
from rocketvpn_sdk.sandbox.listener import Listener
from rocketvpn_sdk.sandbox.problems import PROBLEMS
from rocketvpn_sdk.testing.sandbox import running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("server") / "new") as running:
        yield running


@pytest.fixture
def peer(sandbox: Sandbox) -> Iterator[Peer]:
    with Peer(sandbox.url, sandbox.ca_file) as peer:
        yield peer
    sandbox.faults.clear()


# ---------------------------------------------------------------- TLS, start and stop


@pytest.mark.clause("T1")
def test_only_tls_1_3_is_spoken(sandbox: Sandbox) -> None:
    context = ssl.create_default_context(cafile=sandbox.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with httpx.Client(verify=context, trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(sandbox.url)


@pytest.mark.clause("T1")
def test_without_its_ca_nobody_trusts_it(sandbox: Sandbox) -> None:
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        client.get(sandbox.url)


def test_it_listens_on_loopback_alone(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
        socket.create_connection(("127.0.0.2", port), timeout=2)


def test_it_answers_from_the_moment_it_is_entered(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "server") as sandbox, Peer(sandbox.url, sandbox.ca_file) as peer:
        assert peer.http.get("/.well-known/oauth-authorization-server").status_code == 200


def test_its_folder_is_private_and_says_how_to_reach_it(sandbox: Sandbox) -> None:
    settings = tomllib.loads(sandbox.client_file.read_text())

    assert settings == {
        "server": sandbox.url,
        "trust": str(sandbox.ca_file),
        "trusted_root": str(sandbox.trusted_root),
        "hosts": ["localhost"],
        "relay_hosts": ["localhost"],
        "partner_hosts": ["localhost"],
        "app_id": "org.example.vpn",
    }
    assert stat.S_IMODE(sandbox.folder.stat().st_mode) == 0o700
    for path in sandbox.folder.rglob("*"):
        if path.suffix != ".db-journal":
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert sandbox.policy.recipients["operator"].hosts == ("localhost",)


def test_a_folder_of_someone_elses_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    tmp_path.chmod(0o755)

    with Sandbox(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_what_it_holds_survives_a_restart(tmp_path: Path) -> None:
    first = Sandbox(tmp_path / "server")
    with first, Peer(first.url, first.ca_file) as peer:
        peer.bind("RV-2026-0001")
        certificate, keys = first.ca_file.read_bytes(), peer.http.get("/v1/keys").json()
        port = int(first.url.rpartition(":")[2])

    with Sandbox(tmp_path / "server", port=port) as second, Peer(second.url, second.ca_file) as again:
        assert second.url == first.url
        assert second.ca_file.read_bytes() == certificate
        assert again.http.get("/v1/keys").json() == keys
        again.key = peer.key
        assert again.refresh(peer.refresh_token).status_code == 200
        assert len(second.rows()["orders"]) == 3


def test_the_same_object_starts_again_but_not_twice_at_once(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "server")
    with pytest.raises(ConfigurationError):
        _ = sandbox.url
    with sandbox, pytest.raises(ConfigurationError), sandbox:
        pass
    with sandbox, Peer(sandbox.url, sandbox.ca_file) as peer:
        assert peer.bind("RV-2026-0001").call("GET", "/v1/order").status_code == 200


def test_a_port_in_use_is_said_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"), Sandbox(tmp_path / "other", port=int(sandbox.url.rpartition(":")[2])):
        pass


def test_what_cannot_start_says_so_and_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError), Sandbox(tmp_path / "no database", database_url="nonsense"):
        pass
    monkeypatch.setattr(server, "_START_SECONDS", 0.5)
    monkeypatch.setattr(Listener, "startup", uvicorn.Server.startup)  # which does not say that it is ready
    with pytest.raises(ConfigurationError, match="did not start"), Sandbox(tmp_path / "no time"):
        pass


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=str)
def test_the_tables_are_good_for_postgresql_too(table: Table) -> None:
    assert str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_it_stops_while_clients_are_connected_and_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_STOP_SECONDS", 3_600)  # it stops by itself, and is not left behind
    before = set(threading.enumerate())
    sandbox = Sandbox(tmp_path / "server")
    with sandbox:
        idle, waiting = (Peer(sandbox.url, sandbox.ca_file) for _ in range(2))
        idle.bind("RV-2026-0001")
        waiting.bind("RV-2026-0001")
        sandbox.faults.latency = 3_600
        failures: list[Exception] = []

        def wait() -> None:
            try:
                waiting.call("GET", "/v1/order")
            except httpx.HTTPError as error:
                failures.append(error)

        thread = threading.Thread(target=wait)
        seen = len(sandbox.requests)
        thread.start()
        while len(sandbox.requests) == seen:
            pass
    idle.close()
    thread.join(60)
    waiting.close()
    left = set(threading.enumerate()) - before
    for each in left:
        each.join(60)

    assert not [each for each in left if each.is_alive()]


def test_forever_ends_when_it_is_told_to(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "server")
    ready = threading.Event()
    thread = threading.Thread(target=sandbox.serve_forever, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(60)
    with Peer(sandbox.url, sandbox.ca_file) as peer:
        assert peer.http.get("/v1/keys").status_code == 200
    sandbox.stop()
    thread.join(60)

    assert not thread.is_alive()


# ---------------------------------------------------------------- routes and problems


def test_the_metadata_says_where_the_doors_are(sandbox: Sandbox, peer: Peer) -> None:
    metadata = peer.http.get("/.well-known/oauth-authorization-server").json()

    assert metadata["issuer"] == sandbox.url
    assert metadata["token_endpoint"] == sandbox.url + "/v1/token"
    assert metadata["dpop_signing_alg_values_supported"] == ["ES256"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["none"]


def test_the_key_set_holds_no_private_key(peer: Peer) -> None:
    answer = peer.http.get("/v1/keys")

    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert [set(key) for key in answer.json()["keys"]] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


def test_an_unknown_path_is_a_problem_with_a_page(peer: Peer) -> None:
    answer = peer.http.get("/v1/nothing")

    assert (answer.status_code, problem_code(answer)) == (404, "not-found")
    page = peer.http.get(answer.json()["type"])
    assert page.headers["Content-Type"].startswith("text/html")
    assert "There is nothing here" in page.text


def test_every_problem_has_a_page(peer: Peer) -> None:
    assert {peer.http.get(f"/problems/{code}").status_code for code in PROBLEMS} == {200}
    assert problem_code(peer.http.get("/problems/%3Cscript%3E")) == "not-found"


def test_another_method_is_told_which_there_are(peer: Peer) -> None:
    answer = peer.http.put("/v1/data")
    options = peer.http.options("/v1/data")

    assert (answer.status_code, problem_code(answer)) == (405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "PATCH"}
    assert (options.status_code, options.content) == (204, b"")
    assert options.headers["Allow"] == answer.headers["Allow"]


def test_head_is_get_without_a_body(sandbox: Sandbox, peer: Peer) -> None:
    peer.bind(sandbox.order())

    answer = peer.call("HEAD", "/v1/data")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["ETag"]


def test_every_answer_is_private_and_of_one_type(sandbox: Sandbox, peer: Peer) -> None:
    peer.bind(sandbox.order())

    for answer in (peer.call("GET", "/v1/order"), peer.http.get("/v1/order"), peer.http.get("/v1/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers
        assert "Set-Cookie" not in answer.headers


def test_a_failure_inside_is_a_problem_and_is_logged(
    sandbox: Sandbox, peer: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(sandbox.faults, "pause", broken)

    with caplog.at_level(logging.ERROR):
        answer = peer.http.get("/v1/keys")

    assert (answer.status_code, problem_code(answer)) == (500, "server-error")
    assert "out of order" not in answer.text
    assert "out of order" in caplog.text


# ---------------------------------------------------------------- faults and records


def test_it_fails_as_often_as_told(sandbox: Sandbox, peer: Peer) -> None:
    sandbox.faults.fail(2, retry_after=7)
    sandbox.faults.fail(1, status=429, retry_after="Fri, 31 Dec 2027 23:59:59 GMT")

    answers = [peer.http.get("/v1/keys") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [503, 503, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[2].headers["Retry-After"] == "Fri, 31 Dec 2027 23:59:59 GMT"
    assert [problem_code(answer) for answer in answers[1:3]] == ["unavailable", "rate-limited"]


def test_it_answers_nonsense_as_often_as_told(sandbox: Sandbox, peer: Peer) -> None:
    sandbox.faults.garbage()
    sandbox.faults.garbage(body=b"{", media_type="application/json")

    answers = [peer.http.get("/v1/keys") for _ in range(3)]

    assert [answer.headers["Content-Type"] for answer in answers] == [
        "text/html",
        "application/json",
        "application/jwk-set+json",
    ]


def test_it_loses_answers(sandbox: Sandbox, peer: Peer) -> None:
    sandbox.faults.lose_answers()

    with pytest.raises(httpx.RemoteProtocolError):
        peer.http.get("/v1/keys")


def test_it_takes_its_time(sandbox: Sandbox, peer: Peer) -> None:
    sandbox.faults.latency = 3_600

    with pytest.raises(httpx.ReadTimeout):
        peer.http.get("/v1/keys", timeout=httpx.Timeout(60, read=0.1))


def test_requests_are_written_down_for_tests(sandbox: Sandbox, peer: Peer) -> None:
    peer.http.get("/v1/keys?x=y", headers={"Sec-GPC": "1"})

    last = sandbox.requests[-1]

    assert (last.method, last.path, last.body) == ("GET", "/v1/keys?x=y", b"")
    assert last.header("sec-gpc") == last.header("Sec-GPC") == "1"
    assert last.header("Cookie") is None


def test_codes_go_to_the_outbox_and_to_whoever_listens(sandbox: Sandbox, peer: Peer) -> None:
    heard: list[Message] = []
    sandbox.mail.subscribe(heard.append)
    peer.bind(sandbox.order(email="ada@example.org"))

    peer.step_up(lambda: sandbox.mail.last_code("ada@example.org"))

    assert heard[-1] == sandbox.mail[-1] == list(sandbox.mail)[-1]
    assert sandbox.mail[-1:][0].to == "ada@example.org"
    with pytest.raises(LookupError):
        sandbox.mail.last_code("nobody@example.org")
    sandbox.mail.clear()
    assert len(sandbox.mail) == 0
