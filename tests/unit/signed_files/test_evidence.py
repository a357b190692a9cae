"""What is kept beside a signed file shows later, without a network, that it was one; also after keys were replaced."""

from __future__ import annotations

import msgspec
import pytest
from support.signed_files import POLICY, Shelf

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import UpdateRefused
from rocketvpn_sdk.signed_files.evidence import Evidence, verify
from rocketvpn_sdk.testing import FakeClock


def reason(content: bytes, evidence: Evidence, root: bytes, at: float, path: str = POLICY) -> str:
    with pytest.raises(UpdateRefused) as caught:
        verify(content, evidence, path=path, root=root, at=at)
    return str(caught.value.params["reason"])


@pytest.mark.parametrize("rotations", [0, 1, 3])
def test_a_root_from_before_its_keys_were_replaced_verifies_what_came_after(
    shelf: Shelf, clock: FakeClock, rotations: int
) -> None:
    root = shelf.repository.trusted_root.read_bytes()
    for _ in range(rotations):
        shelf.repository.rotate_root("root", "timestamp", "targets")
    shelf.repository.publish({POLICY: b"signed"})
    vouched = shelf.files().vouched(POLICY)
    at = clock.time()
    clock.advance(3650 * DAY)  # it shows that it was one then
    verify(vouched.content, vouched.evidence, path=POLICY, root=root, at=at)


def test_what_is_not_it_is_refused(shelf: Shelf, clock: FakeClock) -> None:
    root, now = shelf.repository.trusted_root.read_bytes(), clock.time()
    shelf.repository.publish({"policy/other.json": b'{"version":1}'})
    good = shelf.files().vouched(POLICY)
    assert reason(good.content[:-1] + b"!", good.evidence, root, now) == "tampered"
    assert reason(good.content[:-1], good.evidence, root, now) == "oversize"
    assert reason(good.content + b" ", good.evidence, root, now) == "tampered"
    assert reason(good.content, good.evidence, root, now, "policy/none.json") == "not-found"
    assert reason(good.content, good.evidence, root, now + 3650 * DAY) == "expired"
    escaping = msgspec.structs.replace(good.evidence, roots={"../../2.root.json": "{}"})
    assert reason(good.content, escaping, root, now) == "tampered"
