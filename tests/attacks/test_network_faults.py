"""A network that fails at any point below TLS: each call ends in time, the server acts once, and later all is done.

The long form (every kind of fault at every record, once and for good):

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_network_faults.py --timeout=3600
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import cycle, product
from typing import Any

import pytest
from support.calls import PATIENT
from support.fault_proxy import Fault, FaultProxy, faulty_line, full_port
from support.forms import form
from support.fronted import Fronted, counted_acts
from support.hostile_calls import QUICK
from support.until import until
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import ServerError, ServerTimeout, ServerUnreachable, TransportError
from rocketvpn_sdk.vault.verify import verify

pytestmark = [pytest.mark.timeout(form(120, 120, 3_600)), pytest.mark.usefixtures("no_pauses")]

PURPOSE = "improvement"


@dataclass
class Line:
    """A bound device at the end of a line that can fail, opened three times: ``hasty`` has small bounds.

    ``rocket`` meets the faults, ``calm`` is for what is checked after.
    """

    world: World
    sandbox: Fronted
    proxy: FaultProxy
    rocket: RocketVPN
    calm: RocketVPN
    hasty: RocketVPN
    acts: Counter[tuple[str, str]]
    asked: int = 0
    """Deletions that were asked for."""
    languages: Iterator[str] = field(default_factory=lambda: cycle(["de", "fr", "it"]))

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Let ``rocket`` be the one with small bounds: where nothing comes back, nothing else ends a call."""
        self.rocket, self.hasty = self.hasty, self.rocket
        try:
            yield
        finally:
            self.rocket, self.hasty = self.hasty, self.rocket

    def whole(self) -> None:
        for rocket in (self.rocket, self.calm, self.hasty):
            rocket._components.sent.commit()
        verify(self.calm._components.vault)
        assert {entry.outcome for entry in self.calm.rights.sent()}.isdisjoint({"unknown", "interrupted"})
        assert self.calm.status().waiting == 0
        assert max(self.acts.values()) == 1, "the server acted twice on one request"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("line")
    with counted_acts() as acts, faulty_line(folder / "server") as (sandbox, proxy):
        world = World(sandbox, folder / "vault")
        with (
            RocketVPN.open(world.config(limits=PATIENT)) as rocket,
            RocketVPN.open(world.config(limits=PATIENT)) as calm,
            RocketVPN.open(world.config(limits=QUICK)) as hasty,
        ):
            calm.device.bind(sandbox.order())
            calm.consent.declare_age(adult=True)
            calm.call("tunnel.register", public_key=tunnel_key())
            yield Line(world, sandbox, proxy, rocket, calm, hasty, acts)


# ---------------------------------------------------------------- what is called


@dataclass(frozen=True)
class Call:
    """A call under a fault, and what must hold once the network is back."""

    name: str
    go: Callable[[Line], Any]
    """May raise; returns whatever ``later`` wants to know."""
    later: Callable[[Line, Any], None]


def _read(line: Line) -> None:
    assert line.rocket.device.order().state == "active"


def _read_later(line: Line, _: Any) -> None:
    assert line.calm.device.order().state == "active"


def _correct(line: Line) -> None:
    line.rocket.rights.correct({"language": next(line.languages)})


def _correct_later(line: Line, _: Any) -> None:
    language = next(line.languages)
    line.calm.rights.correct({"language": language})
    held = {value.field: value.value for value in line.calm.rights.view().there}
    assert held["language"] == language


def _consent(line: Line) -> None:
    assert line.rocket.consent.grant(line.rocket.consent.notice(PURPOSE)).changed


def _consent_later(line: Line, _: Any) -> None:
    until(lambda: line.calm.consent.deliver() == 0)  # the server may be busy with the first try
    held = line.sandbox.rows()["consents"]
    assert [(row["record_id"], row["state"]) for row in held] == [
        (line.calm.consent.receipts()[-1].record_id, "granted")
    ]


def _delete(line: Line) -> None:
    line.asked += 1
    line.rocket.rights.delete(line.rocket.rights.plan_delete("logs"))


def _delete_later(line: Line, _: Any) -> None:
    assert all(server.state == "confirmed" for server in line.calm.rights.resume())
    assert len(line.sandbox.rows()["rights_requests"]) == line.asked


CALLS = {
    call.name: call
    for call in (
        Call("read", _read, _read_later),
        Call("correct", _correct, _correct_later),
        Call("consent", _consent, _consent_later),
        Call("delete", _delete, _delete_later),
    )
}


@contextmanager
def only_the_network() -> Iterator[None]:
    """Let pass what a broken network may end in, and nothing else."""
    with suppress(TransportError, ServerError):
        yield


HANGS = ("stall", "corrupt")
"""Faults after which both sides may wait, as for the rest of a record whose length was changed."""


def attack(line: Line, call: Call, fault: Fault, times: int) -> int:
    """Return how often the fault struck."""
    line.proxy.arm(fault, times)
    done: Any = None
    try:
        with line.hurried() if fault.kind in HANGS else nullcontext(), only_the_network():
            done = call.go(line)
    finally:
        struck = line.proxy.hits
        line.proxy.calm()
    # A call with small bounds may be over before it came so far, on a busy machine.
    assert struck or fault.kind in HANGS, f"{fault} never happened"
    call.later(line, done)
    line.whole()
    return struck


# ---------------------------------------------------------------- at every stage

SENT = ("ClientHello", "change of cipher", "Finished", "headers", "body or next headers", "next body", "next headers")
"""What the records of a connection are, one way; and the other way, two at a time for each answer after the first."""
CAME = ("ServerHello", "change of cipher", "extensions", "certificate", "its proof", "Finished", "ticket", "ticket")
CAME += ("headers", "body", "next headers", "next body", "third headers", "third body")
STAGES = {"read": (4, 10), "correct": (6, 12), "consent": (5, 10), "delete": (7, 14)}
"""How many records each call sends and gets on its first connection."""
SHORT = {"cut": 11, "reset": 11, "corrupt": 11, "stall": 19}
"""At the gate every so many points; all odd, so that before and in, once and for good take turns."""


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", SHORT)
def test_attack_a_fault_at_every_stage(line: Line, name: str, kind: Any) -> None:
    """Before and in each TLS record, each way; once, so that another try helps, and for good."""
    sent, came = STAGES[name]
    records = [("out", record) for record in range(sent)] + [("in", record) for record in range(came)]
    first = list(SHORT).index(kind)
    step = form(3 * SHORT[kind], SHORT[kind], 1)
    points = list(product(records, (False, True), (1, 1_000)))[first % step :: step]
    struck = [attack(line, CALLS[name], Fault(kind, *record, inside), times) for record, inside, times in points]
    assert any(struck)


@pytest.mark.parametrize("name", CALLS)
def test_the_stages_are_what_they_are_called(line: Line, name: str) -> None:
    """The records are counted right, so that the faults strike where they are meant to."""
    line.proxy.drop()
    before = line.sandbox.requests[-1]
    line.proxy.arm(Fault("cut", "out", SENT.index("headers"), inside=True), 1_000)
    with only_the_network():
        CALLS[name].go(line)
    assert line.sandbox.requests[-1] is before, "half of its headers make no request"
    line.proxy.calm()
    line.calm.sync()
    line.proxy.drop()
    line.proxy.arm(Fault("cut", "in", CAME.index("headers"), inside=False), 1)
    with only_the_network():
        CALLS[name].go(line)
    assert line.sandbox.requests[-1] is not before, "it was there before its answer was lost"
    line.proxy.calm()
    line.calm.sync()
    line.whole()


# ---------------------------------------------------------------- before there is a connection


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("accept", ["reset", "ignore"])
def test_attack_a_port_that_refuses_or_never_answers(line: Line, name: str, accept: Any) -> None:
    call, done = CALLS[name], None
    line.proxy.drop()
    line.proxy.accept = accept
    kind, hurry = (ServerUnreachable, nullcontext()) if accept == "reset" else (ServerTimeout, line.hurried())
    try:
        if name in ("read", "correct"):
            with hurry, pytest.raises(kind):
                call.go(line)
        else:
            with hurry:
                done = call.go(line)  # it waits in the queue
            assert line.rocket.status().waiting == 1
    finally:
        line.proxy.calm()
    call.later(line, done)
    line.whole()


@pytest.mark.parametrize("port", ["drops", "closed"])
def test_attack_a_port_that_drops(line: Line, port: str) -> None:
    """Nothing comes back to the first packet, not even a refusal."""
    with full_port() as dropping:
        where = f"https://localhost:{dropping if port == 'drops' else 9}"
        limits = QUICK if port == "drops" else PATIENT
        with RocketVPN.open(line.world.config(limits=limits, server=where)) as rocket:
            with pytest.raises(ServerTimeout if port == "drops" else ServerUnreachable):
                rocket.device.order()
            assert rocket.rights.view().server_answered is False
    line.whole()


@pytest.mark.parametrize("name", CALLS)
def test_attack_a_slow_line(line: Line, name: str) -> None:
    """Every record takes its time: too long for the small bounds, not for the usual ones."""
    call, done = CALLS[name], None
    line.proxy.drop()
    line.proxy.latency = 0.15
    with line.hurried(), only_the_network():
        done = call.go(line)
    line.proxy.drop()
    line.proxy.latency = 0.02
    call.later(line, done)
    line.proxy.calm()
    line.whole()
