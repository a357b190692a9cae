from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from support.calls import ORDER, Line, problem, token_answer

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import (
    AlreadyBound,
    DeviceLimitReached,
    NotBound,
    OrderNotFound,
    RequestRefused,
    RocketVPNError,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
    ValueRefused,
    VaultFull,
)
from rocketvpn_sdk.groups.device import Devices
from rocketvpn_sdk.identity import BINDING, CREDENTIALS, Binding, Credentials
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import deadline

MACHINE = "4c4c4544003957108052b4c04f384833"


class Bench:
    """A device on a line, with a server that says yes."""

    def __init__(self) -> None:
        self.line = Line(bound=False)
        self.devices = Devices(
            api=self.line.api,
            documents=self.line.documents,
            clock=self.line.clock,
            machine_id=lambda: MACHINE,
            os_user=lambda: "uid:1000",
        )
        self.challenge = self.line.router.post("/v1/authorize-challenge").respond(json={"authorization_code": "code-1"})
        self.line.token.respond(json=token_answer(refresh_token="refresh-1"))
        self.deleted = self.line.router.delete(url__regex=r".*/v1/devices/[A-Z2-7]{52}$").respond(204)

    @property
    def nothing_kept(self) -> bool:
        return not {BINDING, CREDENTIALS} & set(self.line.documents.stored)


@pytest.fixture
def bench(no_pauses: None) -> Iterator[Bench]:
    made = Bench()
    yield made
    made.line.api.close()


@pytest.mark.clause("C1")
def test_binding_sends_order_device_and_a_public_key(bench: Bench) -> None:
    binding = bench.devices.bind(ORDER)
    sent = parse_qs(bench.challenge.calls.last.request.content.decode())
    assert sent == {
        "response_type": ["code"],
        "client_id": ["org.example.vpn"],
        "order_number": [ORDER],
        "device_id": [binding.device_id],
    }
    assert bench.devices.binding == binding


def test_the_day_of_binding_is_kept_and_no_finer_time(bench: Bench) -> None:
    assert bench.devices.bind(ORDER).bound_on == utc(bench.line.clock.time()).date()


def test_what_is_kept_is_enough_to_go_on_after_a_restart(bench: Bench) -> None:
    bench.devices.bind(ORDER)
    stored = bench.line.documents.get(CREDENTIALS, Credentials)
    assert stored is not None
    assert (stored.refresh_token, stored.client_id) == ("refresh-1", "org.example.vpn")
    bench.line.api.session.forget()
    bench.line.router.get("/v1/devices").respond(json={"devices": []})
    assert bench.devices.list() == ()


def test_the_same_machine_user_app_and_order_give_the_same_device(bench: Bench) -> None:
    first = bench.devices.bind(ORDER)
    bench.devices.unbind()
    assert bench.devices.bind(ORDER).device_id == first.device_id


@pytest.mark.parametrize(
    "number", ["", " - ", "RV", "RV+2026", "X" * 50, "'; DROP TABLE", "RV-2026\u0301-0001", 5, b"RV-2026-0001", None]
)
def test_a_bad_order_number_is_refused_before_anything_is_sent(bench: Bench, number: Any) -> None:
    with pytest.raises(ValueRefused) as caught:
        bench.devices.bind(number)
    assert not bench.line.requests()
    if number and str(number).strip():
        assert str(number) not in str(caught.value)


def test_a_bad_device_to_replace_is_refused_before_anything_is_sent(bench: Bench) -> None:
    with pytest.raises(ValueRefused, match="replace"):
        bench.devices.bind(ORDER, replace="my old laptop")
    assert not bench.challenge.called
    assert bench.nothing_kept


def test_a_device_to_replace_is_named(bench: Bench) -> None:
    bench.devices.bind(ORDER, replace="B" * 52)
    assert parse_qs(bench.challenge.calls.last.request.content.decode())["replace"] == ["B" * 52]


def test_bound_is_bound(bench: Bench) -> None:
    bench.devices.bind(ORDER)
    before = len(bench.line.requests())
    with pytest.raises(AlreadyBound):
        bench.devices.bind("RV-2026-0002")
    assert len(bench.line.requests()) == before


def test_of_many_threads_one_binds(bench: Bench) -> None:
    together = threading.Barrier(4)

    def bind() -> bool:
        together.wait(60)
        try:
            bench.devices.bind(ORDER)
        except AlreadyBound:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(future.result(20) for future in [pool.submit(bind) for _ in range(4)]) == [
            False,
            False,
            False,
            True,
        ]


# ---------------------------------------------------------------- nothing half done


def refusals() -> list[Any]:
    devices = [{"id": "B" * 52, "name": "Lilac Fox", "bound_on": "2026-11-01"}]
    limit = httpx.Response(400, json={"error": "device-limit-reached", "devices": devices})
    return [
        (httpx.Response(400, json={"error": "order-not-found"}), OrderNotFound),
        (limit, DeviceLimitReached),
        (httpx.Response(400, json={"error": "device-not-found"}), RequestRefused),
        (httpx.Response(500), ServerError),
        (httpx.Response(200, content=b"<html>", headers={"Content-Type": "text/html"}), ServerError),
        (httpx.ConnectError("x"), ServerUnreachable),
    ]


@pytest.mark.parametrize("place", ["challenge", "token"])
@pytest.mark.parametrize(("answer", "kind"), refusals())
def test_what_fails_leaves_nothing(bench: Bench, place: str, answer: Any, kind: type[Exception]) -> None:
    route = bench.challenge if place == "challenge" else bench.line.token
    route.mock(**({"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}))
    with pytest.raises(kind):
        bench.devices.bind(ORDER)
    assert bench.nothing_kept
    assert bench.devices.binding is None
    with pytest.raises(NotBound):
        bench.devices.order()


def test_the_device_limit_carries_the_list(bench: Bench) -> None:
    bench.challenge.mock(return_value=refusals()[1][0])
    with pytest.raises(DeviceLimitReached) as caught:
        bench.devices.bind(ORDER)
    assert [device.name for device in caught.value.devices] == ["Lilac Fox"]


def test_a_token_that_cannot_be_renewed_is_no_binding(bench: Bench) -> None:
    bench.line.token.respond(json=token_answer())
    with pytest.raises(ServerError, match="refresh token"):
        bench.devices.bind(ORDER)
    assert bench.nothing_kept


@pytest.mark.parametrize("name", [CREDENTIALS, BINDING])
@pytest.mark.parametrize("offline", [False, True])
def test_what_cannot_be_stored_is_given_back_at_the_server(bench: Bench, name: str, offline: bool) -> None:
    bench.line.documents.refuse[name] = VaultFull(folder="/x")
    if offline:
        bench.deleted.mock(side_effect=httpx.ConnectError("x"))
    with pytest.raises(VaultFull):
        bench.devices.bind(ORDER)
    assert bench.deleted.called
    assert bench.nothing_kept
    with pytest.raises(NotBound):
        bench.devices.order()


def test_binding_has_the_time_of_one_call(bench: Bench) -> None:
    seen = []

    def answer(_: httpx.Request) -> httpx.Response:
        seen.append(deadline._current.get())
        return httpx.Response(200, json={"authorization_code": "code-1", **token_answer(refresh_token="refresh-1")})

    bench.challenge.mock(side_effect=answer)
    bench.line.token.mock(side_effect=answer)
    bench.devices.bind(ORDER)
    assert len(seen) == 2
    assert seen[0] is seen[1] is not None


def test_unbinding_does_not_wait_without_end_for_a_binding_whose_user_is_asked() -> None:
    line = Line(limits=Limits(total_timeout=0.05))
    devices = Devices(api=line.api, documents=line.documents, clock=line.clock)
    with devices._lock:
        for call in (devices.unbind, lambda: devices.bind(ORDER)):
            with pytest.raises(ServerTimeout):
                call()
    line.api.close()


# ---------------------------------------------------------------- unbinding


def test_unbinding_tells_the_server_and_then_forgets(bench: Bench) -> None:
    binding = bench.devices.bind(ORDER)
    bench.devices.unbind()
    assert bench.deleted.calls.last.request.url.path == f"/v1/devices/{binding.device_id}"
    assert bench.nothing_kept
    for call in (bench.devices.unbind, bench.devices.order, bench.devices.list):
        with pytest.raises(NotBound):
            call()


def test_offline_nothing_is_unbound(bench: Bench) -> None:
    binding = bench.devices.bind(ORDER)
    bench.deleted.mock(side_effect=httpx.ConnectError("x"))
    with pytest.raises(ServerUnreachable):
        bench.devices.unbind()
    assert bench.devices.binding == binding
    assert not bench.nothing_kept


def test_another_device_is_taken_off_and_this_one_stays(bench: Bench) -> None:
    binding = bench.devices.bind(ORDER)
    bench.devices.unbind("B" * 52)
    assert bench.deleted.calls.last.request.url.path == f"/v1/devices/{'B' * 52}"
    assert bench.devices.binding == binding


def test_its_own_id_is_this_device(bench: Bench) -> None:
    bench.devices.unbind(bench.devices.bind(ORDER).device_id)
    assert bench.nothing_kept


def test_a_device_that_the_server_no_longer_knows_is_unbound_here(bench: Bench) -> None:
    bench.devices.bind(ORDER)
    bench.deleted.mock(return_value=problem(403, "device-revoked"))
    bench.devices.unbind()
    assert bench.nothing_kept


def test_a_revoked_device_cannot_unbind_another(bench: Bench) -> None:
    bench.devices.bind(ORDER)
    bench.deleted.mock(return_value=problem(403, "device-revoked"))
    with pytest.raises(RocketVPNError, match="removed"):
        bench.devices.unbind("B" * 52)
    assert not bench.nothing_kept


@pytest.mark.parametrize("target", ["..", "../order", "not-an-id"])
def test_an_id_that_is_none_is_refused(bench: Bench, target: str) -> None:
    bench.devices.bind(ORDER)
    with pytest.raises(ValueRefused):
        bench.devices.unbind(target)
    assert not bench.deleted.called


@pytest.mark.clause("T1")
def test_a_binding_shows_neither_order_nor_device(bench: Bench) -> None:
    binding: Binding = bench.devices.bind(ORDER)
    assert ORDER not in repr(binding)
    assert binding.device_id not in repr(binding)


def test_a_copy_whose_binding_got_lost_goes_on_under_the_number_it_had(bench: Bench) -> None:
    bench.line.token.mock(side_effect=httpx.ConnectError("gone"))
    with pytest.raises(ServerUnreachable):
        bench.devices.bind(ORDER, another=True)
    bench.line.token.mock(side_effect=None, return_value=httpx.Response(200, json=token_answer(refresh_token="r-1")))
    binding = bench.devices.bind(ORDER)
    sent = [parse_qs(call.request.content.decode())["device_id"][0] for call in bench.challenge.calls]
    assert sent == [binding.device_id] * 2
    assert not binding.by_machine


def test_a_copy_does_not_go_on_under_the_number_of_its_machine(bench: Bench) -> None:
    bench.line.token.mock(side_effect=httpx.ConnectError("gone"))
    with pytest.raises(ServerUnreachable):
        bench.devices.bind(ORDER)
    with pytest.raises(ServerUnreachable):
        bench.devices.bind(ORDER, another=True)
    first, second = [parse_qs(call.request.content.decode())["device_id"][0] for call in bench.challenge.calls]
    assert first != second
