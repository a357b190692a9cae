"""What an app is told, whenever it subscribes: nothing gets lost in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.changes import Changed, UserNeeded
from rocketvpn_sdk.errors import DeviceLimitReached, DeviceRevoked, VaultBusy
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.policy_versions import PolicyNotice
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.transport import BindingRevoked
from rocketvpn_sdk.vault import Queue, QueueItem

Subscribe = Callable[[RocketVPN, type, Callable[..., object]], object]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sandbox(tmp_path / "server") as sandbox:
        yield World(sandbox, tmp_path / "vault")


def widened(sandbox: Sandbox) -> int:
    """Publish a policy that takes more, and return its version."""
    text = sandbox.policy.canonical_json().decode()
    version = sandbox.policy.version + 1
    before = f'"version":{version - 1},'
    assert text.count(before) == 1
    text = text.replace(before, f'"version":{version},')
    assert '"device":"P7D"' in text
    sandbox.publish(parse_policy(text.replace('"device":"P7D"', '"device":"P9D"')))
    return version


# ---------------------------------------------------------------- what is pending


@pytest.mark.clause("X2")
def test_a_policy_to_come_is_told_whenever_the_app_subscribes(world: World) -> None:
    version = widened(world.sandbox)
    with RocketVPN.open(world.config()) as rocket:
        assert rocket.policy.check() is not None

    told: list[int] = []
    with RocketVPN.open(world.config(on={PolicyNotice: lambda notice: told.append(notice.version)})):
        assert told == [version], "by Config(on=...)"
    told.clear()
    with RocketVPN.open(world.config(), unlock=False) as rocket:
        rocket.events.subscribe(PolicyNotice, lambda notice: told.append(notice.version))
        rocket.unlock()
        assert told == [version], "before it was unlocked"
    told.clear()
    with RocketVPN.open(world.config()) as rocket:
        rocket.events.subscribe(PolicyNotice, lambda notice: told.append(notice.version))
        assert told == [version], "after it was unlocked"
        notice = rocket.policy.notice()
        assert notice is not None
        rocket.policy.shown(notice)
        rocket.events.subscribe(PolicyNotice, lambda notice: told.append(notice.version))
        assert told == [version], "what was shown is not told again"


@pytest.mark.clause("A4")
def test_a_device_that_was_revoked_is_told_whenever_the_app_subscribes(world: World, tmp_path: Path) -> None:
    number = world.sandbox.order(limit=1)
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(number)
        with RocketVPN.open(world.neighbour(tmp_path / "other").config()) as other:
            with pytest.raises(DeviceLimitReached) as caught:
                other.device.bind(number)
            (listed,) = caught.value.devices
            other.device.bind(number, replace=listed.id)
        with pytest.raises(DeviceRevoked):
            rocket.device.order()
        told: list[BindingRevoked] = []
        rocket.events.subscribe(BindingRevoked, told.append)
        assert told == [BindingRevoked()]


@pytest.mark.clause("A4")
def test_a_code_that_is_needed_is_told_whenever_the_app_subscribes_also_after_a_start(world: World) -> None:
    with RocketVPN.open(world.config(authenticator=None)) as rocket:
        rocket.device.bind(world.sandbox.order())
        assert rocket.rights.delete(rocket.rights.plan_delete("account")).server.state == "waiting_for_user"
        told: list[UserNeeded] = []
        rocket.events.subscribe(UserNeeded, told.append)
        assert [notice.operation for notice in told] == ["rights.request"]
        rocket.sync()
        assert len(told) == 1, "it is no news"
    later: list[UserNeeded] = []
    with RocketVPN.open(world.config(on={UserNeeded: later.append})) as rocket:
        assert [notice.operation for notice in later] == ["rights.request"]
        (server,) = rocket.rights.resume()
        assert server.state == "confirmed"
        gone: list[UserNeeded] = []
        rocket.events.subscribe(UserNeeded, gone.append)
        assert gone == []


# ---------------------------------------------------------------- what changes


def test_what_changes_is_told_once_it_holds(world: World) -> None:
    parts: list[str] = []
    states: list[object] = []

    def told(change: Changed) -> None:
        parts.append(change.part)
        if change.part == "consent":
            states.append(rocket.consent.status().adult)

    rocket = RocketVPN.open(world.config(on={Changed: told}), unlock=False)
    assert parts == []
    rocket.unlock()
    assert "vault" in parts
    parts.clear()
    rocket.device.bind(world.sandbox.order())
    assert "binding" in parts
    parts.clear()
    rocket.consent.declare_age(adult=True)
    assert "consent" in parts
    assert states[-1] is True, "a window that reads it again sees what is new"
    parts.clear()
    rocket.consent.grant(rocket.consent.notice("improvement"))
    assert {"consent", "queue"} <= set(parts)
    parts.clear()
    widened(world.sandbox)
    rocket.policy.check()
    assert "policy" in parts
    parts.clear()
    rocket.device.unbind()
    assert "binding" in parts
    parts.clear()
    rocket.close()
    rocket.close()
    assert parts == ["vault"]


def test_what_is_recorded_and_called_is_no_change(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        parts: list[str] = []
        rocket.events.subscribe(Changed, lambda change: parts.append(change.part))
        rocket.device.order()
        rocket.journal.flush()
        rocket.sync()
        assert parts == []


@pytest.mark.parametrize("change", ["grant", "withdraw"])
def test_attack_a_callback_that_waits_for_another_thread_that_needs_the_vault(world: World, change: str) -> None:
    """No lock of ours is held where the app is called."""
    with RocketVPN.open(world.config()) as rocket:
        rocket.consent.declare_age(adult=True)
        if change == "withdraw":
            rocket.consent.grant(rocket.consent.notice("improvement"))
        seen: list[object] = []

        def told(_: Changed) -> None:
            thread = threading.Thread(target=lambda: seen.append(rocket.consent.status()))
            thread.start()
            thread.join()

        unsubscribe = rocket.events.subscribe(Changed, told)
        if change == "grant":
            rocket.consent.grant(rocket.consent.notice("improvement"))
        else:
            rocket.consent.withdraw("improvement")
        unsubscribe()
        assert seen


def test_a_callback_that_fails_undoes_nothing(world: World) -> None:
    with RocketVPN.open(world.config(on={Changed: lambda _: 1 / 0})) as rocket:
        rocket.consent.declare_age(adult=True)
        assert rocket.consent.status().adult is True


def test_the_binding_s_document_has_the_name_that_is_watched() -> None:
    from rocketvpn_sdk import changes, identity

    assert changes._PARTS[identity.BINDING] == "binding"


@pytest.mark.clause("A4")
def test_attack_another_process_has_the_vault_while_it_is_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs the user still does: whoever subscribes later is told."""
    with RocketVPN.open(world.config(authenticator=None)) as rocket:
        rocket.device.bind(world.sandbox.order())
        assert rocket.rights.delete(rocket.rights.plan_delete("account")).server.state == "waiting_for_user"

        def busy(_: Queue) -> tuple[QueueItem, ...]:
            raise VaultBusy(seconds=1.0)

        with monkeypatch.context() as patched:
            patched.setattr(Queue, "items", busy)
            rocket.consent.declare_age(adult=True)
            rocket._components.changes.look_at_queue()
        told: list[UserNeeded] = []
        rocket.events.subscribe(UserNeeded, told.append)
        assert [notice.operation for notice in told] == ["rights.request"]
