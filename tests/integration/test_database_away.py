"""PostgreSQL is stopped and started again: what was not answered can be asked again, and is done once."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.dpop_client import Peer, problem_code
from support.postgresql import Cluster

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock

pytestmark = [pytest.mark.component("postgresql"), pytest.mark.clause("A1", "T1")]

REQUESTS = "/v1/data-rights-requests"
DELETION = {"exercise": "deletion", "scope": "device"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(cluster: Cluster, clock: FakeClock, tmp_path: Path) -> Iterator[Sandbox]:
    url = cluster.database(f"away_{uuid.uuid4().hex}")
    with Sandbox(tmp_path / "server", database_url=url, clock=clock) as running:
        yield running


@pytest.fixture
def peer(sandbox: Sandbox, clock: FakeClock) -> Iterator[Peer]:
    with Peer(sandbox.url, sandbox.ca_file, now=clock.time) as peer:
        peer.bind(sandbox.order())
        yield peer


def test_a_restart_is_not_noticed(cluster: Cluster, sandbox: Sandbox, peer: Peer) -> None:
    with ThreadPoolExecutor(4) as pool:  # several connections, all of which are ended
        assert [pool.submit(peer.http.get, "/v1/keys").result().status_code for _ in range(4)] == [200] * 4
    cluster.stop()
    cluster.start()

    answers = [peer.call("GET", "/v1/order"), peer.call("POST", REQUESTS, json_body=DELETION), peer.refresh()]

    assert [answer.status_code for answer in answers] == [200, 201, 200]


def test_while_it_is_away_clients_are_told_to_come_back(cluster: Cluster, peer: Peer) -> None:
    key = str(uuid.uuid4())
    cluster.stop()
    answers = [peer.call("GET", "/v1/order"), peer.call("POST", REQUESTS, json_body=DELETION, key=key)]
    cluster.start()
    after = peer.call("POST", REQUESTS, json_body=DELETION, key=key)

    assert [(answer.status_code, problem_code(answer)) for answer in answers] == [(503, "unavailable")] * 2
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
    assert after.status_code == 201


def test_a_claim_that_could_not_be_ended_ends_by_itself(
    cluster: Cluster, sandbox: Sandbox, clock: FakeClock, peer: Peer
) -> None:
    key = str(uuid.uuid4())
    sandbox.faults.latency = 3_600
    with ThreadPoolExecutor() as pool:
        running = pool.submit(peer.call, "POST", REQUESTS, json_body=DELETION, key=key)
        while not [row for row in sandbox.rows()["idempotency"] if row["status"] is None]:
            pass
        cluster.stop()
        sandbox.faults.stop()  # lets it go on
        lost = running.result()
    sandbox.faults.latency = 0
    sandbox.faults.start()
    cluster.start()
    early = peer.call("POST", REQUESTS, json_body=DELETION, key=key)
    clock.advance(sandbox.settings.claim_lease)
    late = peer.call("POST", REQUESTS, json_body=DELETION, key=key)

    assert (lost.status_code, problem_code(lost)) == (503, "unavailable")
    assert (early.status_code, problem_code(early)) == (409, "idempotency-in-progress")
    assert late.status_code == 201
    assert len(sandbox.rows()["rights_requests"]) == 1


def test_the_log_says_what_failed_and_no_value(
    cluster: Cluster, sandbox: Sandbox, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cluster.stop()
    peer.call("GET", "/v1/order")
    cluster.start()

    assert "OperationalError" in caplog.text
    secret = [row[name] for rows in sandbox.rows().values() for row in rows for name in row if "hash" in name]
    assert not [
        value for value in [*secret, peer.jkt, peer.device_id, peer.access_token] if value and value in caplog.text
    ]
