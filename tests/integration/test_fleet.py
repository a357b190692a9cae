"""The fleet's simulation counts the requests that the SDK sends: measured here anew, from the SDK and the sandbox."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from bench import storm
from bench.fleet import count

from rocketvpn_sdk.maintenance.worker import SHORTEST
from rocketvpn_sdk.vault.due import FIRST, WIDE

WRITE, TOKEN = "PUT /v1/consents/improvement", "POST /v1/token"


@pytest.mark.parametrize("outage", storm.OUTAGES.values(), ids=storm.OUTAGES)
def test_one_item_costs_what_the_simulation_says(tmp_path: Path, outage: float) -> None:
    counted = count(tmp_path, outage)
    mine = [(at, name) for at, name in counted.failed if not name.startswith("GET /tuf/")]
    times = [at for at, _ in mine]
    assert len(set(times)) * storm.FAILED == len(mine), "each try that meets the outage costs so many requests"
    assert all(after - before >= SHORTEST for before, after in itertools.pairwise(times))
    assert times[0] == 0.0
    assert all(after >= FIRST * (1 - WIDE) for after in times[1:2])
    delivered = [name for name in counted.delivered if not name.startswith("GET /tuf/")]
    assert delivered == [TOKEN] * (storm.NONCE + storm.TOKEN) + [WRITE] * storm.WRITE
    assert len(counted.checked) == storm.CHECK


def test_a_token_and_a_nonce_that_live_are_used_again(tmp_path: Path) -> None:
    counted = count(tmp_path, 60.0, idle=0.0)
    assert [name for name in counted.delivered if not name.startswith("GET /tuf/")] == [WRITE] * storm.WRITE


def test_an_app_that_was_started_anew_asks_for_the_doors_once_more(tmp_path: Path) -> None:
    counted = count(tmp_path, 600.0, restarted=True)
    endpoints, *others = [name for name in counted.delivered if not name.startswith("GET /tuf/")]
    assert endpoints == "GET /.well-known/oauth-authorization-server"
    assert others == [TOKEN] * (storm.NONCE + storm.TOKEN) + [WRITE]


def test_no_figure_of_the_simulation_is_much_worse_than_the_peers() -> None:
    rows = list(storm.storm(4_000, draw=False))
    assert len(rows) == 4 * len(storm.OUTAGES)
    assert [row.what for row in rows if row.limit is not None and (row.ratio or 0.0) > 1.3] == []
