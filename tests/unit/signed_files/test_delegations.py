"""Signed files of delegated roles (TUF §5.6.7): which roles a look-up asks, in which order, and what it refuses."""

from __future__ import annotations

import pytest
from support.delegations import TOP, Delegator
from support.signed_files import POLICY, Shelf, no_network

from rocketvpn_sdk.errors import UpdateRefused
from rocketvpn_sdk.signed_files import beside
from rocketvpn_sdk.signed_files.metadata import from_bytes

FILE = "releases/app.bin"
MOST_ROLES = 32
pytestmark = pytest.mark.clause("X1")


@pytest.fixture
def operator(shelf: Shelf) -> Delegator:
    return Delegator(shelf.folder / "server")


def asked(shelf: Shelf) -> list[str]:
    """Return the delegated roles that were asked for, in order; and forget what was asked."""
    files = [name.partition(".")[2] for name in shelf.asked if "/" not in name]
    shelf.asked.clear()
    return [
        name.removesuffix(".json")
        for name in files
        if name not in ("root.json", "json", "snapshot.json", "targets.json")
    ]


def refused(shelf: Shelf, path: str = FILE, name: str = "vault") -> str:
    with pytest.raises(UpdateRefused) as caught:
        shelf.files(name).read(path)
    return str(caught.value.params["reason"])


def kept(shelf: Shelf) -> set[str]:
    """Return the file names of the metadata that the device keeps."""
    return set(from_bytes((beside(shelf.folder / "vault") / "kept.json").read_bytes()).good)


# ---------------------------------------------------------------- the walk


def test_a_file_of_a_delegated_role_is_read_then_also_without_a_connection(shelf: Shelf, operator: Delegator) -> None:
    operator.delegate(TOP, "releases", "releases/*")
    operator.add("releases", FILE, b"app")
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    assert asked(shelf) == ["releases"]
    assert shelf.files(fetch=no_network).read(FILE) == b"app"
    shelf.files().read(POLICY)
    assert asked(shelf) == [], "what the top level lists needs no delegated role"


def test_roles_are_asked_depth_first_in_the_order_of_their_delegator(shelf: Shelf, operator: Delegator) -> None:
    for parent, name in ((TOP, "a"), (TOP, "b"), ("a", "c"), ("a", "d")):
        operator.delegate(parent, name, "*/*")
    for role in ("b", "d"):
        operator.add(role, FILE, role.encode())
    operator.serve()
    assert shelf.files().read(FILE) == b"d", "the first role that lists it decides"
    assert asked(shelf) == ["a", "c", "d"]


@pytest.mark.parametrize(("terminating", "found"), [(False, True), (True, False)])
def test_a_terminating_delegation_ends_the_search(
    shelf: Shelf, operator: Delegator, terminating: bool, found: bool
) -> None:
    operator.delegate(TOP, "a", "releases/*", terminating=terminating)
    operator.delegate("a", "c", "releases/*")
    operator.delegate(TOP, "b", "releases/*")
    operator.add("b", FILE, b"app")
    operator.serve()
    if found:
        assert shelf.files().read(FILE) == b"app"
    else:
        assert refused(shelf) == "not-found"
    assert asked(shelf) == (["a", "c", "b"] if found else ["a", "c"])


def test_a_cycle_of_delegations_ends(shelf: Shelf, operator: Delegator) -> None:
    for parent, name in ((TOP, "a"), ("a", "b"), ("b", "c")):
        operator.delegate(parent, name, "*/*")
    back = operator.signers["a"]
    operator.delegate("c", "a", "*/*")
    operator.signers["a"] += back
    operator.serve()
    assert refused(shelf) == "not-found"
    assert asked(shelf) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("releases/*", FILE, True),
        ("releases/*.bin", FILE, True),
        ("releases/app.b?n", FILE, True),
        ("*", FILE, False),  # it does not stand for a slash
        ("releases/app?bin/*", FILE, False),
        ("releases/?", FILE, False),
        ("Releases/*", FILE, False),
        ("releases/*", "release/app.bin", False),
        ("releases/*/*", FILE, False),
    ],
)
def test_path_patterns(shelf: Shelf, operator: Delegator, pattern: str, path: str, matches: bool) -> None:
    operator.delegate(TOP, "a", pattern)
    operator.add("a", path, b"app")
    operator.serve()
    if matches:
        assert shelf.files().read(path) == b"app"
    else:
        assert refused(shelf, path) == "not-found", "a role speaks only for the paths that it was given"
    assert asked(shelf) == (["a"] if matches else [])


def test_hash_prefixes(shelf: Shelf, operator: Delegator) -> None:
    """SHA-256 of ``releases/app.bin`` begins with ``2``; see the second assertion."""
    operator.delegate(TOP, "low", path_hash_prefixes=[f"{digit:x}" for digit in range(8)])
    operator.delegate(TOP, "high", path_hash_prefixes=[f"{digit:x}" for digit in range(8, 16)])
    for role in ("low", "high"):
        operator.add(role, FILE, role.encode())
        operator.add(role, "releases/other.bin", role.encode())
    operator.serve()
    assert {shelf.files().read(path) for path in (FILE, "releases/other.bin")} == {b"low", b"high"}
    assert sorted(asked(shelf)) == ["high", "low"]


def test_hash_bins(shelf: Shelf, operator: Delegator) -> None:
    names = [f"releases/{number}.bin" for number in range(6)]
    operator.bins(TOP, "bin", 3, {name: name.encode() for name in names})
    operator.serve()
    files = shelf.files()
    assert [files.read(name) for name in names] == [name.encode() for name in names]
    bins = asked(shelf)
    assert 1 < len(bins) == len(set(bins)), "each bin is asked for once"
    assert all(name.startswith("bin-") for name in bins)


# ---------------------------------------------------------------- bounds


def test_a_look_up_visits_so_many_roles_and_no_more(shelf: Shelf, operator: Delegator) -> None:
    parent = TOP
    for number in range(MOST_ROLES + 1):
        operator.delegate(parent, f"r{number}", "*/*")
        parent = f"r{number}"
    operator.add(f"r{MOST_ROLES - 1}", FILE, b"app")
    operator.add(parent, "releases/too-deep.bin", b"app")
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    shelf.asked.clear()
    assert refused(shelf, "releases/too-deep.bin", "another") == "not-found"
    assert asked(shelf) == [f"r{number}" for number in range(MOST_ROLES)]


def fat(operator: Delegator, role: str, size: int) -> None:
    operator.roles[role].unrecognized_fields["padding"] = "x" * size


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize("role", ["a", TOP])
def test_a_role_longer_than_a_mebibyte(shelf: Shelf, operator: Delegator, role: str, hashes: bool) -> None:
    """What the snapshot says of its length does not lift the bound."""
    operator.delegate(TOP, "a", "*/*")
    operator.add("a", FILE, b"app")
    fat(operator, role, 1 << 20)
    operator.serve(hashes=hashes)
    assert refused(shelf) == "oversize"


def test_all_roles_of_a_look_up_together_have_a_mebibyte(shelf: Shelf, operator: Delegator) -> None:
    for name in ("a", "b", "c"):
        operator.delegate(TOP, name, "*/*")
        fat(operator, name, 400_000)
    operator.add("b", FILE, b"app")
    operator.add("c", "releases/too-much.bin", b"app")
    operator.serve(hashes=False)
    assert shelf.files().read(FILE) == b"app"
    assert refused(shelf, "releases/too-much.bin") == "oversize"
    assert refused(shelf, "releases/too-much.bin", "another") == "oversize"


def test_roles_that_are_kept_count_too(shelf: Shelf, operator: Delegator) -> None:
    operator.delegate(TOP, "b", "both/*")
    operator.delegate(TOP, "a", "a/*", "both/*")
    operator.add("a", "a/file", b"a")
    operator.add("a", "both/file", b"a")
    fat(operator, "a", 400_000)
    fat(operator, "b", 700_000)
    operator.serve()
    assert shelf.files().read("a/file") == b"a"
    assert refused(shelf, "both/file") == "oversize"


def test_a_long_role_gives_way_to_its_next_version(shelf: Shelf, operator: Delegator) -> None:
    operator.delegate(TOP, "a", "*/*")
    fat(operator, "a", 700_000)
    for content in (b"first", b"second"):
        operator.add("a", FILE, content)
        operator.serve()
        shelf.files().refresh()
        assert shelf.files().read(FILE) == content


def test_what_is_kept_of_delegated_roles_is_bounded_and_the_newest_stays(shelf: Shelf, operator: Delegator) -> None:
    for name in ("a", "b", "c"):
        operator.delegate(TOP, name, f"{name}/*")
        operator.add(name, f"{name}/file", name.encode())
        fat(operator, name, 400_000)
    operator.serve()
    files = shelf.files()
    for name in ("a", "b", "c"):
        assert files.read(f"{name}/file") == name.encode()
    assert {"c.json"} < {name for name in kept(shelf) if len(name) == 6} < {"a.json", "b.json", "c.json"}
    assert shelf.files(fetch=no_network).read("c/file") == b"c"


@pytest.mark.parametrize("name", ["../x", "a/b", "?", "a b", "é", "x" * 122])
def test_a_role_with_a_name_that_no_path_takes_is_not_asked_for(shelf: Shelf, operator: Delegator, name: str) -> None:
    operator.delegate(TOP, name, "*/*")
    operator.add(name, FILE, b"app")
    operator.serve()
    assert refused(shelf) == "name"
    assert asked(shelf) == []


@pytest.mark.parametrize("name", ["Timestamp", "SNAPSHOT", "Targets", "Root", "con", "2.timestamp"])
def test_a_role_called_nearly_like_a_top_level_one_takes_nothing_from_it(
    shelf: Shelf, operator: Delegator, name: str
) -> None:
    """On a disk that ignores case it would replace what a refresh knows an older version by."""
    old = (shelf.folder / "server" / "metadata" / "timestamp.json").read_bytes()
    operator.delegate(TOP, name, "*/*")
    operator.add(name, FILE, b"app")
    operator.serve()
    files = shelf.files()
    assert files.read(FILE) == b"app"
    assert shelf.files(fetch=no_network).read(FILE) == b"app"
    shelf.instead["timestamp.json"] = lambda: old
    with pytest.raises(UpdateRefused) as caught:
        files.refresh()
    assert caught.value.params["reason"] == "rollback"
