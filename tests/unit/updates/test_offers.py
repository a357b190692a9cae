"""Which release is offered to a device: a pure rule, as a decision table (U4)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.errors import ReleaseRefused
from rocketvpn_sdk.updates.releases import (
    PLACES,
    InstalledApp,
    Release,
    UpdateCheck,
    offers,
    order,
    place,
    require_offered,
)
from rocketvpn_sdk.wire import Channel, ListedRelease, PlatformFiles, ReleaseList, SignedFile

pytestmark = pytest.mark.clause("U4")
UNTIL = datetime(2026, 12, 1, tzinfo=UTC)
FILES = PlatformFiles(name="app.bin", package=SignedFile(length=10, sha256="a" * 64))
APP = InstalledApp(version="1.0", channel="stable", platform="linux", vault_format=3)


def release(version: str, **more: Any) -> ListedRelease:
    values = {"published": date(2026, 11, 30), "vault_format": 3, "files": {"linux": FILES}}
    return ListedRelease(version=version, **(values | more))


def listed(*releases: ListedRelease, minimum: str = "0", channel: str = "stable") -> ReleaseList:
    return ReleaseList(channels={channel: Channel(releases=releases, minimum=minimum)})


def asked(found: ReleaseList, number: int = 0, **changes: Any) -> UpdateCheck:
    return offers(found, msgspec.structs.replace(APP, **changes), number, UNTIL)


def version(found: UpdateCheck) -> str | None:
    return found.release.version if found.release else None


@pytest.mark.parametrize(
    ("releases", "offered"),
    [
        ((), None),
        ((release("0.9"),), None),
        ((release("1.0"),), None),
        ((release("1.1"), release("1.10"), release("1.9")), "1.10"),
        ((release("1.1"), release("1.2", withdrawn=True)), "1.1"),
        ((release("1.1"), release("1.2", files={"windows": FILES})), "1.1"),
        ((release("1.1"), release("1.2", vault_format=2)), "1.1"),
        ((release("1.1"), release("2.0-beta1")), "2.0-beta1"),
        ((release("1.1"), release("1.2", rollout=0)), "1.1"),
    ],
    ids=["none", "older", "same", "newest", "withdrawn", "platform", "format", "before 2.0", "not yet"],
)
def test_what_is_offered(releases: tuple[ListedRelease, ...], offered: str | None) -> None:
    assert version(asked(listed(*releases))) == offered


def test_another_channel_offers_nothing_here() -> None:
    assert version(asked(listed(release("2.0"), channel="beta"))) is None
    assert version(asked(listed(release("2.0"), channel="beta"), channel="beta")) == "2.0"


@pytest.mark.parametrize("percent", [0, 1, 10, 50, 99, 100])
def test_a_staged_release_goes_to_so_many_devices_of_a_hundred(percent: int) -> None:
    found = listed(release("1.1"), release("1.2", rollout=percent))
    taken = [version(asked(found, number)) for number in range(PLACES)]
    assert taken.count("1.2") == percent
    assert taken.count("1.1") == 100 - percent
    assert [asked(found, number).staged for number in range(PLACES)].count(True) == 100 - percent


def test_more_devices_take_a_release_and_none_gives_it_back() -> None:
    for number in range(PLACES):
        taken = [version(asked(listed(release("1.2", rollout=part)), number)) == "1.2" for part in range(101)]
        assert taken == sorted(taken)


def test_no_device_is_always_the_first() -> None:
    first = [next(number for number in range(PLACES) if place(number, f"1.{minor}") == 0) for minor in range(40)]
    assert len(set(first)) > 20


def test_a_version_that_must_not_be_used_any_more_does_not_wait_for_its_turn() -> None:
    staged = release("1.2", rollout=1)
    late = next(number for number in range(PLACES) if place(number, "1.2") == 99)
    assert version(asked(listed(staged), late)) is None
    below = asked(listed(staged, minimum="1.1"), late)
    assert (version(below), below.required, below.withdrawn) == ("1.2", True, False)
    withdrawn = asked(listed(release("1.0", withdrawn=True), staged, minimum="1.0"), late)
    assert (withdrawn.required, withdrawn.withdrawn) == (True, True)
    assert version(asked(listed(release("1.2", rollout=0), minimum="1.1"), late)) is None


@pytest.mark.parametrize("installed", ["1.0", "1", "1.0.0", "01.0"])
def test_a_withdrawn_version_is_known_however_the_app_writes_its_number(installed: str) -> None:
    found = asked(listed(release("1.0", withdrawn=True)), version=installed)
    assert (found.withdrawn, found.required) == (True, True)


def test_a_way_back_is_listed_readable_and_not_below_the_minimum() -> None:
    found = asked(
        listed(
            release("0.5", roll_back=True),
            release("0.7", roll_back=True),
            release("0.8"),
            release("0.9", roll_back=True, vault_format=2),
            release("0.95", roll_back=True, withdrawn=True),
            release("1.1", roll_back=True),
            minimum="0.6",
        )
    )
    assert [each.version for each in found.roll_backs] == ["0.7"]


def release_of(found: ReleaseList, wanted: str) -> Release:
    app = msgspec.structs.replace(APP, version="0", vault_format=1)
    only = msgspec.structs.replace(
        found.channels["stable"],
        releases=tuple(
            msgspec.structs.replace(each, withdrawn=False, rollout=100)
            for each in found.channels["stable"].releases
            if each.version == wanted
        ),
        minimum="0",
    )
    found = offers(ReleaseList(channels={"stable": only}), app, 0, UNTIL)
    assert found.release is not None
    return found.release


@pytest.mark.parametrize(
    ("more", "minimum", "wanted", "cause"),
    [
        ({}, "0", "1.2", None),
        ({}, "0", "1.0", None),
        ({"rollout": 0}, "0", "1.2", None),
        ({}, "0", "0.9", "older"),
        ({"roll_back": True}, "0", "0.9", None),
        ({"roll_back": True}, "0.95", "0.9", "older"),
        ({"roll_back": True, "vault_format": 2}, "0", "0.9", "format"),
        ({"vault_format": 2}, "0", "1.2", "format"),
        ({"withdrawn": True}, "0", "1.2", "withdrawn"),
    ],
)
def test_what_may_be_downloaded(more: dict[str, Any], minimum: str, wanted: str, cause: str | None) -> None:
    """Also out of turn, and again; a roll-back only if it is listed, and can read the user's data."""
    found = listed(release(wanted, **more), minimum=minimum)
    chosen = release_of(found, wanted)
    if cause is None:
        assert require_offered(chosen, found, APP).version == wanted
        return
    with pytest.raises(ReleaseRefused) as caught:
        require_offered(chosen, found, APP)
    assert caught.value.cause == cause
    assert wanted in caught.value.message


def test_versions_in_order() -> None:
    ordered = ["0.9", "1", "1.0.1", "1.2-alpha1", "1.2-beta2", "1.2-beta10", "1.2-rc1", "1.2", "1.10", "2.0.0.1", "10"]
    mixed = ordered[5:] + ordered[:5]
    assert sorted(mixed, key=order) == ordered
    assert order("1.0") == order("1") == order("1.0.0.0")


versions = st.from_regex(r"\A[0-9]{1,9}(\.[0-9]{1,9}){0,3}(-[0-9A-Za-z]{1,20})?\Z")


@given(versions, versions)
def test_any_two_versions_can_be_compared(one: str, other: str) -> None:
    assert (order(one) < order(other)) + (order(other) < order(one)) + (order(one) == order(other)) == 1
