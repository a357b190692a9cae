"""A withdrawal under ``kill -9`` at every statement and at every call to the secret store: all of it, or nothing.

The long form (every statement): ``ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_consent_kill.py``
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.consent_steps import NECESSARY, PURPOSE, RECORDS, ConsentSteps, consent_on
from support.crash import copied, open_shared
from support.crash_steps import LATER, SURVIVED
from support.forms import form

from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import Queue, SealedLog

KILLED = -9


@pytest.fixture(scope="module")
def steps() -> Iterator[ConsentSteps]:
    with ConsentSteps() as steps:
        yield steps


@pytest.fixture(scope="module")
def agreed(steps: ConsentSteps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agreed")
    assert steps.run("agree", folder=str(folder)) == SURVIVED
    return folder


def withdrawn(folder: Path) -> bool:
    """Return whether the withdrawal happened; all of its parts did, or none."""
    clock = FakeClock()
    clock.advance(LATER)
    vault = open_shared(folder, clock=clock)
    consent = consent_on(vault)
    state = consent.state().consents[PURPOSE].state
    kept = [record for _, record in SealedLog(vault, "log").read(purpose=PURPOSE)]
    told = [item.body["state"] for item in Queue(vault).items()]
    events = consent.receipts()[-1].document["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"]
    found = (state, kept, told, len(events))
    assert found in (("granted", RECORDS, ["granted"], 1), ("withdrawn", [], ["withdrawn"], 2)), found
    assert [record for _, record in SealedLog(vault, "log").read(purpose="service")] == [NECESSARY]
    vault.close()
    return state == "withdrawn"


@pytest.mark.clause("U3", "A3")
def test_attack_kill_9_at_every_statement_of_a_withdrawal(steps: ConsentSteps, agreed: Path, tmp_path: Path) -> None:
    seen = []
    for statement in range(0, 1000, form(11, 3, 1)):
        folder = copied(agreed, tmp_path / "copy")
        ended = steps.run("withdraw", folder=str(folder), statement=statement)
        seen.append(withdrawn(folder))
        if ended == SURVIVED:
            break
        assert ended == KILLED
    assert seen[0] is False
    assert seen[-1] is True
    assert seen == sorted(seen)  # once it happened, it stays


@pytest.mark.clause("U3")
@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
def test_attack_kill_9_at_every_secret_store_call_of_a_withdrawal(
    steps: ConsentSteps, agreed: Path, tmp_path: Path, after: bool
) -> None:
    for call in range(100):
        folder = copied(agreed, tmp_path / "copy")
        ended = steps.run("withdraw", folder=str(folder), die_at=call, die_after=after)
        assert withdrawn(folder)  # it was committed before the secret store was asked for anything
        if ended == SURVIVED:
            break
        assert ended == KILLED
    assert 0 < call < 99
