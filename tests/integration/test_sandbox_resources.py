"""Orders, devices, tunnels, idempotency keys and problems."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.dpop_client import Peer, problem_code

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.clock import FakeClock

pytestmark = pytest.mark.clause("U1")

CLOCK = FakeClock()
Bind = Callable[..., Peer]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("server"), clock=CLOCK) as running:
        yield running


@pytest.fixture
def bind(sandbox: Sandbox) -> Iterator[Bind]:
    peers: list[Peer] = []

    def new(order: str | None = None) -> Peer:
        peers.append(Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time))
        return peers[-1].bind(order or sandbox.order())

    yield new
    sandbox.faults.clear()
    for peer in peers:
        peer.close()


def wireguard_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def test_the_order_counts_its_devices(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(limit=2)
    peer, _ = bind(order), bind(order)

    answer = peer.call("GET", "/v1/order").json()

    assert answer["state"] == "active"
    assert (answer["devices_used"], answer["devices_allowed"]) == (2, 2)


def test_the_list_marks_the_caller(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    peer, other = bind(order), bind(order)

    token = peer.step_up(sandbox.mail.last_code)
    devices = peer.call("GET", "/v1/devices", token=token).json()["devices"]

    assert {device["id"]: device.get("current", False) for device in devices} == {
        peer.device_id: True,
        peer.called(other, token): False,
    }
    assert other.device_id not in str(devices)
    assert len({device["name"] for device in devices}) == 2


def test_a_device_can_be_taken_off_the_order(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    peer, lost = bind(order), bind(order)

    token = peer.step_up(sandbox.mail.last_code)
    path = f"/v1/devices/{peer.called(lost, token)}"
    answer = peer.call("DELETE", path, token=token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert problem_code(lost.call("GET", "/v1/order")) == "device-revoked"
    assert problem_code(peer.call("DELETE", path, token=token)) == "device-not-found"


def test_a_device_of_another_order_is_not_there(sandbox: Sandbox, bind: Bind) -> None:
    peer, stranger = bind(), bind()
    token = peer.step_up(sandbox.mail.last_code)

    assert problem_code(peer.call("DELETE", f"/v1/devices/{stranger.device_id}", token=token)) == "device-not-found"
    assert stranger.call("GET", "/v1/order").status_code == 200


def test_an_expired_order_can_be_seen_but_not_used(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind(sandbox.order(expires=utc(CLOCK.time()).date()))
    CLOCK.advance(86400)
    peer.access_token = peer.refresh().json()["access_token"]

    assert peer.call("GET", "/v1/order").json()["state"] == "expired"
    assert peer.call("GET", "/v1/data").status_code == 200
    tunnel = peer.call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()})
    assert problem_code(tunnel) == "order-expired"


def test_a_tunnel_gets_an_address_of_its_own(sandbox: Sandbox, bind: Bind) -> None:
    first, second = bind(), bind()
    key = wireguard_key()

    peers = [
        peer.call("POST", "/v1/tunnels", json_body={"public_key": key, "region": "de-fra"}) for peer in (first, second)
    ]

    assert [answer.status_code for answer in peers] == [201, 201]
    assert peers[0].json()["address"] != peers[1].json()["address"]
    assert peers[0].json()["endpoint"].startswith("de-fra.")
    assert key in {row["public_key"] for row in sandbox.rows()["tunnels"]}


def test_a_device_has_one_tunnel_the_newest(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    keys = [wireguard_key() for _ in range(2)]

    first, same, other = (
        peer.call("POST", "/v1/tunnels", json_body={"public_key": key}).json() for key in (keys[0], keys[0], keys[1])
    )

    assert first["address"] == same["address"]
    assert other["address"]
    assert [row["public_key"] for row in sandbox.rows()["tunnels"] if row["device_id"] == peer.device_id] == keys[1:]


@pytest.mark.clause("R1")
def test_a_tunnel_is_forgotten_after_a_week(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    peer.call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()})
    CLOCK.advance(7 * 86400 + 1)
    peer.refresh()

    assert [row for row in sandbox.rows()["tunnels"] if row["device_id"] == peer.device_id] == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"public_key": "short"}, ["/public_key"]),
        ({"public_key": "A" * 44}, ["/public_key"]),
        ({"public_key": "é" * 44}, ["/public_key"]),
        ({"public_key": wireguard_key(), "region": "mars"}, ["/region"]),
        ({"public_key": "short", "region": "mars"}, ["/public_key", "/region"]),
        ({"public_key": wireguard_key(), "host/name": "x"}, ["/host~1name"]),
        ({"public_key": 1}, ["/public_key"]),
        ({}, [""]),
        ([], [""]),
    ],
)
def test_what_the_policy_does_not_declare_is_refused(bind: Bind, body: object, pointers: list[str]) -> None:
    answer = bind().call("POST", "/v1/tunnels", json_body=body)

    assert (answer.status_code, problem_code(answer)) == (422, "validation-failed")
    assert [item.get("pointer", "") for item in answer.json()["errors"]] == pointers


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 60_000, b"", b'{"public_key":"a"}{}'])
def test_a_body_that_is_no_json_is_malformed(bind: Bind, raw: bytes) -> None:
    peer = bind()
    headers = {"Content-Type": "application/json", "Idempotency-Key": '"k"'}

    answer = peer.send("POST", "/v1/tunnels", body=raw, token=peer.access_token, headers=headers)

    assert (answer.status_code, problem_code(answer)) == (400, "malformed")


def test_another_media_type_is_refused(bind: Bind) -> None:
    answer = bind().call("POST", "/v1/tunnels", json_body={}, headers={"Content-Type": "text/plain"})

    assert (answer.status_code, problem_code(answer)) == (415, "unsupported-media-type")
    assert answer.headers["Accept"] == "application/json"


@pytest.mark.parametrize("size", [65537, 900_000])
def test_a_body_that_is_too_large_is_refused(bind: Bind, size: int) -> None:
    peer = bind()
    headers = {"Content-Type": "application/json", "Idempotency-Key": '"k"'}

    answer = peer.send("POST", "/v1/tunnels", body=b" " * size, token=peer.access_token, headers=headers)

    assert (answer.status_code, problem_code(answer)) == (413, "content-too-large")


# ---------------------------------------------------------------- idempotency


def test_a_repeated_write_is_done_once(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    body = {"public_key": wireguard_key()}

    first = peer.call("POST", "/v1/tunnels", json_body=body, key="one")
    sandbox.faults.revoke_device(bind().device_id)  # something happens in between
    again = peer.call("POST", "/v1/tunnels", json_body=body, key="one")

    assert (again.status_code, again.json()) == (201, first.json())


def test_an_answer_that_got_lost_can_be_fetched_again(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    body = {"public_key": wireguard_key()}
    sandbox.faults.lose_answers()

    with pytest.raises(httpx.RemoteProtocolError):
        peer.call("POST", "/v1/tunnels", json_body=body, key="lost")
    again = peer.call("POST", "/v1/tunnels", json_body=body, key="lost")

    assert again.status_code == 201
    assert [row["status"] for row in sandbox.rows()["idempotency"] if row["jkt"] == peer.jkt] == [201]


def test_a_key_with_another_body_is_refused(bind: Bind) -> None:
    peer = bind()
    peer.call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()}, key="one")

    answer = peer.call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()}, key="one")

    assert (answer.status_code, problem_code(answer)) == (422, "idempotency-key-reused")


def test_keys_of_two_devices_are_two_keys(bind: Bind) -> None:
    answers = [bind().call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()}, key="one") for _ in "ab"]

    assert [answer.status_code for answer in answers] == [201, 201]


def test_a_refused_request_leaves_its_key_free(bind: Bind) -> None:
    peer = bind()
    body = {"public_key": "short"}

    answers = [peer.call("POST", "/v1/tunnels", json_body=body, key="one") for _ in "ab"]

    assert [problem_code(answer) for answer in answers] == ["validation-failed"] * 2


def test_while_the_first_runs_the_second_has_to_wait(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    with Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time) as twin:
        twin.key, twin.nonce, twin.access_token = peer.key, peer.fresh_nonce(), peer.access_token
        body = {"public_key": wireguard_key()}
        sandbox.faults.latency = 3_600
        seen: list[httpx.Response] = []
        first = threading.Thread(
            target=lambda: seen.append(peer.call("POST", "/v1/tunnels", json_body=body, key="slow"))
        )
        first.start()
        while not [row for row in sandbox.rows()["idempotency"] if row["jkt"] == peer.jkt]:
            pass
        second = twin.call("POST", "/v1/tunnels", json_body=body, key="slow")
        sandbox.faults.stop()  # lets whoever waits go on
        first.join(60)
        sandbox.faults.start()

    assert (second.status_code, problem_code(second)) == (409, "idempotency-in-progress")
    assert second.headers["Retry-After"] == "1"
    assert seen[0].status_code == 201


def test_a_request_that_was_believed_dead_changes_nothing(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    with Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time) as twin, ThreadPoolExecutor() as pool:
        twin.key, twin.nonce, twin.access_token = peer.key, peer.fresh_nonce(), peer.access_token
        asked = {"json_body": {"exercise": "access", "scope": "account"}, "key": "slow"}
        sandbox.faults.latency = 3_600
        slow = pool.submit(peer.call, "POST", "/v1/data-rights-requests", **asked)
        while not [row for row in sandbox.rows()["idempotency"] if row["jkt"] == peer.jkt and row["status"] is None]:
            pass
        sandbox.faults.latency = 0
        early = twin.call("POST", "/v1/data-rights-requests", **asked)
        CLOCK.advance(sandbox.settings.claim_lease)
        taken_over = twin.call("POST", "/v1/data-rights-requests", **asked)
        sandbox.faults.stop()  # lets whoever waits go on
        late = slow.result()
        sandbox.faults.start()
        again = twin.call("POST", "/v1/data-rights-requests", **asked)

    assert [answer.status_code for answer in (early, taken_over, late, again)] == [409, 201, 409, 201]
    assert again.content == taken_over.content
    assert len([row for row in sandbox.rows()["rights_requests"] if row["jkt"] == peer.jkt]) == 1


def test_an_answer_is_kept_for_a_day(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    body = {"public_key": wireguard_key()}
    peer.call("POST", "/v1/tunnels", json_body=body, key="one")
    CLOCK.advance(86401)
    peer.access_token = peer.refresh().json()["access_token"]

    assert [row for row in sandbox.rows()["idempotency"] if row["jkt"] == peer.jkt] == []
    assert peer.call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()}, key="one").status_code == 201


def test_an_answer_that_has_expired_is_not_given_though_it_is_still_there(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind()
    peer.call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()}, key="one")
    CLOCK.advance(86390)
    peer.access_token = peer.refresh().json()["access_token"]  # expired rows are deleted once a minute: now
    CLOCK.advance(20)

    assert peer.call("POST", "/v1/tunnels", json_body={"public_key": wireguard_key()}, key="one").status_code == 201


@pytest.mark.parametrize("value", [None, "bare", '""', '"unclosed', '"' + "x" * 256 + '"', '"a\\"b"'])
def test_a_write_needs_a_quoted_key(bind: Bind, value: str | None) -> None:
    peer = bind()
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": value} if value else {})

    answer = peer.send("POST", "/v1/tunnels", body=b"{}", token=peer.access_token, headers=headers)

    assert (answer.status_code, problem_code(answer)) == (400, "idempotency-key-missing")
