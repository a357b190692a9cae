"""What a delegated role must be: signed by its delegator's keys, of the snapshot's version, in date (TUF §5.6)."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.delegations import TOP, Delegator
from support.signed_files import Shelf, stranger
from tuf.api.metadata import MetaFile

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import RocketVPNError, UpdateRefused
from rocketvpn_sdk.testing import FakeClock

FILE = "releases/app.bin"
pytestmark = pytest.mark.clause("X1")


def refused(shelf: Shelf, path: str = FILE, *, refresh: bool = False) -> str:
    files = shelf.files()
    with pytest.raises(UpdateRefused) as caught:  # noqa: PT012 - either of them may refuse
        if refresh:
            files.refresh()
        files.read(path)
    return str(caught.value.params["reason"])


# ---------------------------------------------------------------- keys


def test_a_threshold_of_two(shelf: Shelf, operator: Delegator) -> None:
    operator.delegate(TOP, "releases", "releases/*", keys=3, threshold=2)
    all_of_them = operator.signers["releases"]
    operator.signers["releases"] = [all_of_them[0], all_of_them[0], stranger()]
    operator.serve()
    assert refused(shelf) == "signature", "one key twice is one key"
    operator.signers["releases"] = all_of_them[1:]
    operator.serve()
    shelf.files().refresh()
    assert shelf.files().read(FILE) == b"app"


def test_a_key_that_its_delegator_replaced(shelf: Shelf, operator: Delegator) -> None:
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    old, new = operator.rotate(TOP, "releases"), operator.signers["releases"]
    operator.add("releases", FILE, b"stolen")
    operator.signers["releases"] = [old]
    operator.serve()
    assert refused(shelf, refresh=True) == "signature"
    operator.signers["releases"] = new
    operator.add("releases", FILE, b"new")
    operator.serve()
    shelf.files().refresh()
    assert shelf.files().read(FILE) == b"new"


def test_a_key_replaced_while_its_role_stays_as_it_is(shelf: Shelf, operator: Delegator) -> None:
    """What was verified once does not count for another key."""
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    operator.rotate(TOP, "releases")
    operator.serve(TOP)
    assert refused(shelf, refresh=True) == "signature"


def test_a_role_is_verified_for_the_one_who_delegates_to_it(shelf: Shelf, operator: Delegator) -> None:
    """Two roles delegate to a third, each to a key of its own; it signs with the first one's."""
    operator.delegate(TOP, "a", "a/*")
    operator.delegate(TOP, "b", "b/*")
    operator.delegate("a", "shared", "a/*")
    signers = operator.signers["shared"]
    operator.delegate("b", "shared", "b/*")
    operator.signers["shared"] = signers
    for path in ("a/file", "b/file"):
        operator.add("shared", path, b"content")
    operator.serve()
    assert shelf.files().read("a/file") == b"content"
    assert refused(shelf, "b/file") == "signature"


# ---------------------------------------------------------------- versions, dates, sets


def test_rollback_of_a_delegated_role(shelf: Shelf, operator: Delegator) -> None:
    operator.serve(hashes=False)
    old = shelf.repository.read("metadata", "1.releases.json")
    operator.add("releases", FILE, b"second")
    operator.serve(hashes=False)
    shelf.instead["2.releases.json"] = lambda: old
    assert refused(shelf) == "rollback", "it is not of the version that the snapshot says"
    shelf.instead.clear()
    assert shelf.files().read(FILE) == b"second"


@pytest.mark.parametrize("read_before", [True, False])
def test_rollback_in_the_snapshot(shelf: Shelf, operator: Delegator, read_before: bool) -> None:
    """With the stolen keys of snapshot and timestamp: also of a role that this device never asked for."""
    operator.serve()
    operator.serve()
    shelf.files().refresh()
    if read_before:
        shelf.files().read(FILE)
    operator.serve_snapshot({"releases.json": MetaFile(1)})
    assert refused(shelf, refresh=True) == "rollback"
    assert shelf.files().read(FILE) == b"app", "what was trusted before still is"


def test_a_role_that_disappears_from_the_snapshot(shelf: Shelf, operator: Delegator) -> None:
    operator.serve()
    shelf.files().refresh()
    operator.serve_snapshot({}, without="releases.json")
    assert refused(shelf, refresh=True) == "tampered"


def test_a_role_that_no_snapshot_names_is_not_asked_for(shelf: Shelf, operator: Delegator) -> None:
    operator.sign("releases")
    content = operator.sign(TOP)
    operator.serve_snapshot({"targets.json": MetaFile.from_data(operator.roles[TOP].version, content, ["sha256"])})
    assert refused(shelf) == "tampered"
    assert not [name for name in shelf.asked if name.endswith("releases.json")]


def test_freeze_of_a_delegated_role(shelf: Shelf, operator: Delegator, clock: FakeClock) -> None:
    """Its own date counts, by the clock that was given, also for what is kept."""
    operator.roles["releases"].expires -= timedelta(days=89, hours=12)
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    clock.advance(DAY * 0.75)
    assert refused(shelf) == "expired"
    operator.roles["releases"].expires += timedelta(days=10)
    operator.serve("releases")
    shelf.files().refresh()
    assert shelf.files().read(FILE) == b"app"


def test_freeze_of_the_timestamp_ends_delegated_files_too(shelf: Shelf, operator: Delegator, clock: FakeClock) -> None:
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    shelf.asked.clear()
    clock.advance(2 * DAY)
    assert refused(shelf) == "expired"
    assert shelf.asked == []


def test_mix_and_match(shelf: Shelf, operator: Delegator) -> None:
    """A genuine role of the right version, but not the one of this state of the repository."""
    operator.serve()
    operator.roles["releases"].version -= 1
    operator.add("releases", FILE, b"another")
    other = operator.sign("releases")
    shelf.instead["1.releases.json"] = lambda: other
    assert refused(shelf) == "tampered"


# ---------------------------------------------------------------- garbage


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=200), st.none()), at=st.integers(0, 10_000))
def test_nothing_foreign_is_raised_whatever_comes(shelf: Shelf, content: bytes | None, at: int) -> None:
    """Garbage in the place of a delegated role, or a genuine one with something written into it."""
    operator = Delegator(shelf.folder / "server")
    operator.delegate(TOP, "releases", "releases/*")
    operator.add("releases", FILE, b"app")
    operator.serve()
    genuine = shelf.repository.read("metadata", f"{operator.roles['releases'].version}.releases.json") or b""
    cut = at % len(genuine)
    forged = content if content is None or at % 2 else genuine[:cut] + content + genuine[cut:]
    shelf.instead = {".releases.json": lambda: forged}
    with suppress(RocketVPNError):
        shelf.files().refresh()
        assert shelf.files().read(FILE) == b"app"
    shelf.instead = {}


@pytest.mark.parametrize(
    "signed",
    [
        {"delegations": {"keys": {}, "roles": [{"name": "timestamp"}]}},
        {"delegations": {"keys": {"x": {}}, "roles": []}},
        {"delegations": {"keys": {}, "succinct_roles": {"bit_length": 99}}},
        {"targets": {FILE: {"length": 3, "hashes": {}}}},
        {"targets": {FILE: {"length": -1, "hashes": {"sha256": "00"}}}},
        {"targets": {FILE: {"length": 3, "hashes": {"none": "00"}}}},
        {"expires": "never"},
    ],
)
def test_a_role_that_is_signed_and_makes_no_sense(shelf: Shelf, operator: Delegator, signed: dict[str, object]) -> None:
    operator.serve_raw("releases", signed)
    assert refused(shelf) == ("missing" if "none" in str(signed) else "tampered")
