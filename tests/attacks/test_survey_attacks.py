"""Who watches the wire, the relay, an operator who lies and a stolen vault: what they learn from surveys (U5)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from support.relay import Relay
from support.reporting import agree
from support.surveying import ANSWERS, CONSENTS, SURVEY, for_versions, listed, survey, surveyed
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.consent.responses import SURVEYS, SurveyRecord
from rocketvpn_sdk.errors import EgressBlocked, UpdateRefused, ValueRefused
from rocketvpn_sdk.sandbox import RecordedRequest, Sandbox
from rocketvpn_sdk.wire import SurveyList

pytestmark = pytest.mark.clause("U5")

ID = SURVEY.id
FOR_SOME = listed(survey(audience=for_versions("1.4", "1.5")))


class Wire(Relay):
    """Stands between a device and the server, and counts the bytes that the device says on each connection."""

    def __init__(self, to: int) -> None:
        self.said: dict[int, int] = {}
        self._counting = threading.Lock()
        super().__init__(to)

    def _pump(self, number: int, source: socket.socket, target: socket.socket) -> None:
        if source.getsockname()[1] != self.port:  # what the server says
            super()._pump(number, source, target)
            return
        while data := source.recv(65536):
            with self._counting:
                self.said[number] = self.said.get(number, 0) + len(data)
            target.sendall(data)


class Seen(NamedTuple):
    """What a device let anybody see until the user answered."""

    requests: list[tuple[str, str, tuple[tuple[str, str], ...], bytes]]
    """As the server got them, every header and byte."""
    sizes: list[int]
    """Bytes of TLS on each connection, as anybody on the way counts them."""
    shown: list[str]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("surveys") / "sandbox") as sandbox, sandbox.relayed():
        sandbox.sign(FOR_SOME)
        yield sandbox


@pytest.fixture
def rocket(sandbox: Sandbox, tmp_path: Path) -> Iterator[RocketVPN]:
    """A user who may answer."""
    with surveyed(World(sandbox, tmp_path / "client")) as rocket:
        agree(rocket, CONSENTS)
        rocket.surveys.available()
        yield rocket


def observed(sandbox: Sandbox, folder: Path, *, agreed: bool, act: Callable[[RocketVPN], object], version: str) -> Seen:
    """Let a device look for surveys, over a line that is watched, and do what ``act`` says."""
    wire, before = Wire(sandbox.port or int(sandbox.url.rpartition(":")[2])), len(sandbox.requests)
    world = World(sandbox, folder)
    with surveyed(world, server=f"https://localhost:{wire.port}", app_version=version) as rocket:
        if agreed:
            agree(rocket, CONSENTS)
        shown = [each.id for each in rocket.surveys.available()]
        act(rocket)
        again = [each.id for each in rocket.surveys.available()]
        assert set(again) <= set(shown)
    wire.close()
    requests = [
        (each.method, each.path, _without_port(each, wire.port), each.body) for each in sandbox.requests[before:]
    ]
    return Seen(requests, list(wire.said.values()), shown)


def _without_port(request: RecordedRequest, port: int) -> tuple[tuple[str, str], ...]:
    return tuple((name, value.replace(str(port), "PORT")) for name, value in request.headers)


def nothing(_: RocketVPN) -> None: ...


def test_an_eavesdropper_cannot_tell_for_whom_a_survey_is_until_it_is_answered(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    def looks_and_declines(rocket: RocketVPN) -> None:
        rocket.surveys.prepare(ID, ANSWERS)
        rocket.surveys.decline(ID)

    chosen = observed(sandbox, tmp_path / "chosen", agreed=True, act=looks_and_declines, version="1.4.2")
    not_chosen = observed(sandbox, tmp_path / "not", agreed=True, act=nothing, version="1.3.2")
    never_asked = observed(sandbox, tmp_path / "never", agreed=False, act=nothing, version="1.4.2")
    assert (chosen.shown, not_chosen.shown, never_asked.shown) == ([ID], [], [])
    assert any(path.startswith("/tuf/targets/surveys/") for _, path, _, _ in chosen.requests)
    assert chosen.requests == not_chosen.requests == never_asked.requests
    assert chosen.sizes == not_chosen.sizes == never_asked.sizes
    assert all(chosen.sizes)


def test_an_operator_does_not_see_from_where_an_answer_goes_by_what_is_fetched_for_it(
    sandbox: Sandbox, rocket: RocketVPN
) -> None:
    rocket.surveys.answer(ID, ANSWERS)
    before = len(sandbox.requests)
    rocket.sync()
    assert [each.path for each in sandbox.requests[before:]] == [f"/v1/surveys/{ID}/responses"]


def test_an_operator_who_refuses_an_answer_does_not_see_who_asks_for_signed_files_then(
    sandbox: Sandbox, rocket: RocketVPN
) -> None:
    rocket.surveys.answer(ID, ANSWERS)
    sandbox.sign(SurveyList())
    before = len(sandbox.requests)
    try:
        rocket.sync()
    finally:
        sandbox.sign(FOR_SOME)
    assert [each.path for each in sandbox.requests[before:]] == [f"/v1/surveys/{ID}/responses"]
    assert [each.state for each in rocket.queue.items()] == ["refused"]


def test_a_survey_that_the_operator_did_not_sign_is_not_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "sandbox") as other:
        other.sign(listed())
        (target,) = (other.tuf_folder / "targets" / "surveys").iterdir()
        target.write_bytes(target.read_bytes().replace(b"How fast is it?", b"What is your name?"))
        with surveyed(World(other, tmp_path / "client")) as rocket:
            agree(rocket, CONSENTS)
            with pytest.raises(UpdateRefused):
                rocket.surveys.available()
            with pytest.raises((UpdateRefused, ValueRefused)):
                rocket.surveys.prepare(ID, ANSWERS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"choice": "slow"', '"choice": "kim@example.org"'),
        ('"text": "Ask [email] about [ip]"', '"text": "Ask kim@example.org"'),  # scrubbed, it would be another text
        ('"rating": 2', '"rating": 9'),
        ('"question": "stars"', '"question": "stars", "name": "Kim"'),
        (' "answers"', '"answers"'),  # not as it is written here
    ],
)
def test_answers_that_were_altered_while_they_waited_do_not_go(
    sandbox: Sandbox, rocket: RocketVPN, old: str, new: str
) -> None:
    rocket.surveys.answer(ID, ANSWERS)
    queue, there = rocket._components.queue, len(sandbox.survey_responses)
    (item,) = queue.items()
    assert old in item.body["body"]
    queue.update(msgspec.structs.replace(item, body={**item.body, "body": item.body["body"].replace(old, new, 1)}))
    rocket.sync()
    assert len(sandbox.survey_responses) == there
    assert [each.state for each in rocket.queue.items()] == ["refused"]


def test_a_queue_that_names_another_path_does_not_get_there(sandbox: Sandbox, rocket: RocketVPN) -> None:
    rocket.surveys.answer(ID, ANSWERS)
    queue, before = rocket._components.queue, len(sandbox.requests)
    (item,) = queue.items()
    queue.update(msgspec.structs.replace(item, body={**item.body, "survey_id": "../../v1/logs"}))
    rocket.sync()
    assert [each.path for each in sandbox.requests[before:] if each.method == "POST"] == []


def test_a_preview_that_was_altered_is_not_sent(rocket: RocketVPN) -> None:
    prepared = rocket.surveys.prepare(ID, ANSWERS)
    for changes in ({"handle": "0" * 32}, {"survey": "another"}, {"body": b"{}"}):
        with pytest.raises(ValueRefused):
            rocket.surveys.answer(ID, msgspec.structs.replace(prepared, **changes))
    typed_in = msgspec.structs.replace(prepared, body=prepared.body.replace(b"[email]", b"kim@example.org"))
    rocket.surveys.answer(ID, typed_in)
    rocket.sync()
    assert [each.problem for each in rocket.queue.items()] == ["egress-blocked"]  # the guard looks once more


def test_a_relay_that_holds_answers_back_cannot_bring_them_back_after_their_erasure(
    sandbox: Sandbox, rocket: RocketVPN
) -> None:
    prepared = rocket.surveys.prepare(ID, ANSWERS)
    rocket.surveys.answer(ID, prepared)
    (item,) = rocket._components.queue.items()
    rocket.surveys.erase(ID)
    rocket.sync()
    assert rocket.status().waiting == 0
    components = rocket._components
    with components.vault.write() as transaction:  # as the relay that had it would pass it on now
        components.queue.add(transaction, item)
    rocket.sync()
    assert rocket.status().waiting == 0
    assert prepared.body.decode() not in sandbox.survey_responses


def test_two_surveys_of_one_user_cannot_be_told_to_be_of_one_user(sandbox: Sandbox, tmp_path: Path) -> None:
    with surveyed(World(sandbox, tmp_path / "client")) as rocket:
        agree(rocket, CONSENTS)
        sandbox.sign(listed(SURVEY, survey(id="second")))
        rocket.surveys.available()
        for each in (ID, "second"):
            rocket.surveys.answer(each, {"speed": "fast"})
        rocket.sync()
    rows = [row for row in sandbox.rows()["survey_responses"] if row["survey"] in (ID, "second")][-2:]
    assert {row["survey"] for row in rows} == {ID, "second"}
    assert len({row["handle_hash"] for row in rows}) == len({row["id_hash"] for row in rows}) == 2


def test_a_minor_who_lied_loses_what_was_answered_when_they_say_so(sandbox: Sandbox, rocket: RocketVPN) -> None:
    sandbox.sign(listed())
    rocket.surveys.available()
    prepared = rocket.surveys.prepare(ID, ANSWERS)
    rocket.surveys.answer(ID, prepared)
    rocket.sync()
    assert prepared.body.decode() in sandbox.survey_responses
    rocket.consent.declare_age(False)
    rocket.sync()
    assert rocket.surveys.available() == ()
    with pytest.raises(EgressBlocked):
        rocket.surveys.answer(ID, prepared)
    assert {item.operation for item in rocket.queue.items()} == {"diagnostics.erase"}  # until the relay may pass it on


def test_a_look_during_which_the_consent_is_withdrawn_leaves_nothing_behind(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with surveyed(World(sandbox, tmp_path / "client")) as rocket:
        agree(rocket, CONSENTS)
        vault = rocket._components.vault
        read = vault.get

        def withdrawn_first(name: str, kind: type[msgspec.Struct]) -> msgspec.Struct | None:
            if name == SURVEYS:
                monkeypatch.undo()
                rocket.consent.withdraw("surveys")
            return read(name, kind)

        monkeypatch.setattr(vault, "get", withdrawn_first)
        assert rocket.surveys.available() == ()
        assert vault.get(SURVEYS, SurveyRecord) is None


def test_a_dump_of_memory_structures_does_not_name_what_was_answered(rocket: RocketVPN) -> None:
    rocket.surveys.answer(ID, ANSWERS)
    assert ID not in repr(rocket._components.vault.get(SURVEYS, SurveyRecord))
