"""Who closes a connection pool, and when: the last call that uses it, and nobody before it."""

from __future__ import annotations

import ssl
from contextlib import ExitStack

import httpx
import pytest

from rocketvpn_sdk.errors import VaultClosed
from rocketvpn_sdk.transport.pools import Pools


class Counted(httpx.BaseTransport):
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def proxies() -> list[str | None]:
    return [None]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    """Every transport that was opened, in order: two for each way out, for calls with a name and for those without."""
    opened: list[Counted] = []

    def opens(self: Pools, kept: int, proxy: object) -> Counted:
        opened.append(Counted())
        return opened[-1]

    monkeypatch.setattr(Pools, "_open", opens)
    return opened


@pytest.fixture
def pools(opened: object, proxies: list[str | None]) -> Pools:
    return Pools(ssl.create_default_context(), lambda: proxies[-1])


def closed(opened: list[Counted]) -> list[int]:
    return [each.closed for each in opened]


def call(pools: Pools) -> None:
    with pools.transport(nameless=False):
        pass


def test_pools_that_a_proxy_was_left_for_are_closed_at_once_where_no_call_uses_them(
    pools: Pools, proxies: list[str | None], opened: list[Counted]
) -> None:
    call(pools)
    proxies.append("http://proxy.example:3128")
    call(pools)
    assert closed(opened) == [1, 1, 0, 0]
    call(pools)
    assert closed(opened) == [1, 1, 0, 0]


def test_pools_in_use_are_closed_by_their_last_call_and_by_it_alone(
    pools: Pools, proxies: list[str | None], opened: list[Counted]
) -> None:
    with ExitStack() as first, ExitStack() as second:
        for stack in (first, second):
            stack.enter_context(pools.transport(nameless=True))
        proxies.append("http://proxy.example:3128")
        call(pools)
        first.close()
        assert closed(opened) == [0, 0, 0, 0]
        second.close()
        assert closed(opened) == [1, 1, 0, 0]


def test_closing_closes_what_no_call_uses_and_lets_no_other_begin(pools: Pools, opened: list[Counted]) -> None:
    with pools.transport(nameless=False):
        pools.close()
        assert closed(opened) == [0, 0]
        with pytest.raises(VaultClosed):
            call(pools)
    assert closed(opened) == [1, 1]
