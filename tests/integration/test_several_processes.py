"""Two server processes on one database hold what one holds: each request goes to either of them."""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import pytest
from support.dpop_client import Peer, problem_code, sign
from support.server_process import Servers

pytestmark = pytest.mark.clause("A1", "A4", "U2", "T1")

ROUNDS = 4
"""Races are run so often: each time, either may be first."""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.component("postgresql"))]
)
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            from support.postgresql import Cluster

            url = stack.enter_context(Cluster()).database("several")
        folder = tmp_path_factory.mktemp("several")
        servers = stack.enter_context(Servers(folder / "server", url))
        yield servers
        assert servers.log == ""


@pytest.fixture
def order(servers: Servers) -> str:
    return str(servers.tell(0, "order"))


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Return the answers of ``calls``, which are made at the same time."""
    barrier, answers = threading.Barrier(len(calls)), dict[int, httpx.Response]()

    def run(number: int, call: Callable[[], httpx.Response]) -> None:
        barrier.wait()
        answers[number] = call()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[number] for number in range(len(calls))]


def statuses(answers: Sequence[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def oauth(peer: Peer, path: str, key: str, **fields: str) -> httpx.Response:
    """Send a form with an Idempotency-Key; the peer's nonce is fresh."""
    body = str(httpx.QueryParams({"client_id": "org.example.vpn", **fields})).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": f'"{key}"'}
    return peer.send("POST", path, body=body, headers=headers)


def requests_of(peer: Peer) -> list[Any]:
    listed = peer.call("GET", REQUESTS).json()["requests"]
    assert isinstance(listed, list)
    return listed


REQUESTS = "/v1/data-rights-requests"
ACCESS = {"exercise": "access", "scope": "account"}


def test_a_nonce_of_one_is_good_at_the_other(servers: Servers, order: str) -> None:
    with servers.twins(order) as (first, second):
        second.nonce = first.fresh_nonce()

        answer = second.send("GET", "/v1/order", token=second.access_token)

        assert answer.status_code == 200


def test_nonces_that_one_forgets_are_forgotten_by_all_that_hear_of_a_new_one(servers: Servers, order: str) -> None:
    with servers.twins(order) as (first, second):
        old = first.fresh_nonce()
        servers.tell(0, "demand_nonce")
        second.nonce = first.fresh_nonce()
        new = second.send("GET", "/v1/order", token=second.access_token)
        second.nonce = old

        again = second.send("GET", "/v1/order", token=second.access_token)

        assert (new.status_code, again.status_code) == (200, 401)
        assert "use_dpop_nonce" in again.headers["WWW-Authenticate"]


def test_a_proof_that_one_took_is_refused_by_the_other(servers: Servers, order: str) -> None:
    with servers.twins(order) as (first, second):
        first.fresh_nonce()
        proof = sign(first.key, first.claims("GET", "/v1/order", token=first.access_token))

        answers = [peer.send("GET", "/v1/order", token=peer.access_token, proof=proof) for peer in (first, second)]

        assert [answer.status_code for answer in answers] == [200, 401]
        assert problem_code(answers[1]) == "invalid-dpop-proof"


def test_a_proof_at_both_at_once_is_taken_once(servers: Servers, order: str) -> None:
    with servers.twins(order) as (first, second):
        for _ in range(ROUNDS):
            first.fresh_nonce()
            proof = sign(first.key, first.claims("GET", "/v1/order", token=first.access_token))

            sent = {"token": first.access_token, "proof": proof}
            calls = [partial(peer.send, "GET", "/v1/order", **sent) for peer in (first, second)]

            assert statuses(at_once(*calls)) == [200, 401]


def test_a_code_is_redeemed_once(servers: Servers) -> None:
    for _ in range(ROUNDS):
        with servers.peer(0) as first:
            code = first.ask_to_bind(servers.tell(0, "order")).json()["authorization_code"]
            with servers.peer(1, first) as second:
                answers = at_once(partial(first.redeem, code), partial(second.redeem, code))

        assert statuses(answers) == [200, 400]


def test_the_last_place_is_given_once(servers: Servers) -> None:
    for _ in range(ROUNDS):
        order = servers.tell(0, "order", 1)
        with servers.peer(0) as first, servers.peer(1) as second:
            codes = [peer.ask_to_bind(order).json()["authorization_code"] for peer in (first, second)]
            answers = at_once(partial(first.redeem, codes[0]), partial(second.redeem, codes[1]))

        assert statuses(answers) == [200, 400]


def test_one_key_at_both_is_one_write(servers: Servers, order: str) -> None:
    with servers.twins(order) as twins:
        for made in range(1, ROUNDS + 1):
            key = str(uuid.uuid4())
            for peer in twins:
                peer.fresh_nonce()
            calls = [partial(peer.call, "POST", REQUESTS, json_body=ACCESS, key=key) for peer in twins]

            answers = at_once(*calls)

            assert set(statuses(answers)) <= {201, 409}, [answer.text for answer in answers]
            assert 201 in statuses(answers)
            assert len(requests_of(twins[0])) == made


def test_one_key_at_both_oauth_endpoints_is_one_grant(servers: Servers) -> None:
    for _ in range(ROUNDS):
        order, key = servers.tell(0, "order"), str(uuid.uuid4())
        with servers.peer(0) as first, servers.peer(1, first) as second:
            first.fresh_nonce()
            second.nonce = first.nonce
            form = {"response_type": "code", "order_number": order, "device_id": first.device_id}
            ask = partial(oauth, path="/v1/authorize-challenge", key=key, **form)
            answers = at_once(partial(ask, first), partial(ask, second))

        assert set(statuses(answers)) <= {200, 409}, [answer.text for answer in answers]
        assert len({answer.content for answer in answers if answer.status_code == 200}) == 1


def test_of_two_corrections_of_one_version_one_is_made(servers: Servers, order: str) -> None:
    with servers.twins(order) as (first, second):
        for _ in range(ROUNDS):
            tag = first.call("GET", "/v1/data").headers["ETag"]
            answers = at_once(
                partial(first.patch, {"language": "de"}, tag), partial(second.patch, {"language": "fr"}, tag)
            )

            assert statuses(answers) == [200, 412]
            first.patch({"language": None})


def test_guesses_at_both_at_once_are_counted_one_by_one(servers: Servers) -> None:
    order = servers.tell(0, "order", 1)
    with ExitStack() as stack:
        victim = stack.enter_context(servers.peer(0))
        victim.bind(order)
        thief = stack.enter_context(servers.peer(0))
        (listed,) = thief.ask_to_bind(order).json()["devices"]
        session = thief.ask_to_bind(order, replace=listed["id"]).json()["auth_session"]
        peers = [stack.enter_context(servers.peer(number % 2, thief)) for number in range(10)]
        answers = at_once(*[partial(peer.challenge, auth_session=session, verification_code="x") for peer in peers])

    errors = Counter(answer.json()["error"] for answer in answers)
    assert errors == {"invalid_grant": 5, "invalid_session": 5}
    left = [answer.json()["attempts_left"] for answer in answers if answer.json()["error"] == "invalid_grant"]
    assert sorted(left) == [0, 1, 2, 3, 4]


def test_a_process_that_starts_leaves_what_another_one_works_on(servers: Servers, order: str) -> None:
    key = str(uuid.uuid4())
    with servers.twins(order) as (first, second), ThreadPoolExecutor() as pool:
        servers.tell(0, "latency", 3_600)
        running = pool.submit(first.call, "POST", REQUESTS, json_body=ACCESS, key=key)
        while servers.tell(1, "claims") == 0:
            pass
        started = servers.start()
        with servers.peer(started, second) as third:
            answer = third.call("POST", REQUESTS, json_body=ACCESS, key=key)
        servers.tell(0, "latency", 0)
        servers.tell(0, "go_on")

        assert running.result().status_code == 201
        assert (answer.status_code, problem_code(answer)) == (409, "idempotency-in-progress")
        assert len(requests_of(second)) == 1


def test_signed_files_that_both_publish_are_one_repository(servers: Servers, order: str) -> None:
    versions = []
    for number in (0, 1, 0, 1):
        servers.tell(number, "renew_files")
        with servers.peer(1 - number) as peer:
            served = json.loads(peer.http.get("/tuf/metadata/timestamp.json").content)
        versions.append(served["signed"]["version"])

    assert versions == list(range(versions[0], versions[0] + 4))


def test_what_is_made_once_is_made_by_one_of_those_that_start(servers: Servers) -> None:
    with servers.peer(0) as first, servers.peer(1) as second:
        keys = [peer.http.get("/v1/keys").json() for peer in (first, second)]

    assert keys[0] == keys[1]
