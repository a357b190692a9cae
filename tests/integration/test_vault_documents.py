"""What a document reads as, whoever wrote it last: two openings of one vault beside a plain dictionary."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.errors import VaultError
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import Vault

NAMES = ("one", "two")
STEPS = st.lists(
    st.tuples(
        st.sampled_from((0, 1)),
        st.sampled_from(("put", "drop", "drop all", "fail", "rotate", "look")),
        st.sampled_from(NAMES),
    ),
    max_size=12,
)

Step = Literal["put", "drop", "drop all", "fail", "rotate", "look"]


class _Undone(Exception):
    pass


def take(vault: Vault, step: Step, name: str, held: dict[str, Note], text: str) -> None:
    match step:
        case "put":
            vault.put(name, Note(text))
            held[name] = Note(text)
        case "drop":
            vault.drop(name)
            held.pop(name, None)
        case "drop all":
            with vault.write() as transaction:
                transaction.drop_all_documents(keep=[name])
            held.pop(NAMES[1 - NAMES.index(name)], None)
        case "fail":
            with suppress(_Undone), vault.write() as transaction:
                transaction.put(name, Note("undone"))
                raise _Undone
        case "rotate":
            vault.rotate()
        case "look":
            assert vault.get(name, Note) == held.get(name)


@pytest.mark.parametrize("read_before", [True, False])
def test_inside_a_transaction_only_the_transaction_is_asked(tmp_path: Path, read_before: bool) -> None:
    """What is remembered is from before it: an answer must not depend on who asked earlier."""
    with closing(open_vault(tmp_path / "vault", UnreliableSecrets())) as vault:
        vault.put("one", Note("before"))
        if read_before:
            assert vault.get("one", Note) == Note("before")
        with vault.write() as transaction:
            transaction.put("one", Note("after"))
            with pytest.raises(VaultError):
                vault.get("one", Note)
            assert transaction.get("one", Note) == Note("after")
        assert vault.get("one", Note) == Note("after")


@given(STEPS)
def test_every_opening_reads_what_was_written_last(steps: list[tuple[int, Step, str]]) -> None:
    """What was read is remembered until it changes: by this opening, by the other, or not since a change was undone."""
    secrets, clock, held = UnreliableSecrets(), FakeClock(), dict[str, Note]()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        both = [stack.enter_context(closing(open_vault(Path(folder) / "vault", secrets, clock))) for _ in range(2)]
        for number, (which, step, name) in enumerate(steps):
            take(both[which], step, name, held, str(number))
            for vault in both:
                assert {name: vault.get(name, Note) for name in NAMES} == {name: held.get(name) for name in NAMES}
