"""Which versions of the policy hold on this device: the one that binds, and a newer one that was announced (X1 to X3).

A newer version that takes nothing from the user binds at once. One that does binds only after all that it takes was
shown for ``notice_days`` and its date has come; until then the device does what both allow. Never shown, never bound.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk import policy as rules  # loads what compares when it is first asked for
from rocketvpn_sdk.consent.guardian import carry_guardian
from rocketvpn_sdk.errors import NotAllowed, PolicyOutdated, VaultClosed, VaultDamaged, VaultLocked
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.policy_versions.state import Cell, PolicyState, Shown, allows_more, newly_asked, parts_of
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.vault.partitions import RECORDED
from rocketvpn_sdk.vault.transaction import Transaction

if TYPE_CHECKING:
    from rocketvpn_sdk.policy import PolicyChange

logger = logging.getLogger(__name__)

POLICY_STATE = "policy"

_TRIES = 3
_PLACE = "the policy in the vault"


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The vault's document: small, since it is written at every notice shown; the texts lie beside it."""

    binding: str
    """The SHA-256 of a version's text, under which that lies in the vault."""
    newest: str = ""
    """The same of a version that does not bind yet; empty: there is none."""
    shown: tuple[Shown, ...] = ()
    accepted: frozenset[Cell] = frozenset()
    """What is newly necessary in the newest version and was accepted ahead of its date."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The SHA-256 of each version's text."""
        return (self.binding, self.newest) if self.newest else (self.binding,)


class _Text(msgspec.Struct, frozen=True):
    """A version, as canonical JSON (RFC 8785)."""

    text: str


class Versions:
    """The policy's versions on this device. Not thread-safe by itself where it writes: the vault's lock is around it.

    Args:
        vault: where they rest; while it is locked, ``given`` is in force.
        given: the version that came with the app.
    """

    def __init__(self, vault: Vault, given: Policy) -> None:
        self._vault = vault
        self._given = given
        self._now = PolicyState(given)
        self.changes = 0
        """How often this process saw another set of versions."""

    # ------------------------------------------------------------ asking

    def in_force(self) -> PolicyState:
        """Return what holds now; on a locked vault, the version that came with the app."""
        if self._vault.unlocked:
            with suppress(VaultLocked, VaultClosed):  # it was closed in between, here or by another process
                kept = self._vault.get(POLICY_STATE, _Kept)
                if kept is not None:
                    self._take(self._read(kept))
        return self._now

    def _take(self, state: PolicyState) -> None:
        if state is not self._now:
            self._now = state
            self.changes += 1

    def _read(self, kept: _Kept) -> PolicyState:
        """Return ``kept`` as policies; what is known already is not read again."""
        now, known = self._now, {policy.sha256: policy for policy in (self._given, *self._now.policies)}
        if not known.keys() >= set(kept.texts):
            kept, texts = self._kept_with_texts()
            known = {name: known.get(name) or parse_policy(text, path=_PLACE) for name, text in texts.items()}
        binding, pending = known[kept.binding], known[kept.newest] if kept.newest else None
        if (binding, pending, kept.shown, kept.accepted) == (now.binding, now.pending, now.shown, now.accepted):
            return now
        change = rules.compare(binding, pending) if pending else None
        return PolicyState(binding, pending, change, kept.shown, kept.accepted)

    def _kept_with_texts(self) -> tuple[_Kept, dict[str, str]]:
        """Return what is kept and the texts, by SHA-256, of one moment: another process may replace them together."""
        with self._vault.read() as (transaction, _):
            kept = transaction.get(POLICY_STATE, _Kept)
            found = {name: transaction.get(_text_name(name), _Text) for name in kept.texts} if kept else {}
        texts = {name: stored.text for name, stored in found.items() if stored is not None}
        if kept is None or len(texts) < len(found):
            raise VaultDamaged(part="a version of the policy")
        return kept, texts

    def set_aside(self) -> Policy | None:
        """Return the version that came with the app if what is known here is another text, and not just a newer one.

        It is then not used: what binds stays, or anyone who opens the vault last would decide what the app may do.
        """
        now, given = self.in_force(), self._given
        if given.document.policy_id != now.newest.document.policy_id:
            return given
        rivals = (held for held in now.policies if held.version == given.version)
        return given if any(held.identity != given.identity for held in rivals) else None

    # ------------------------------------------------------------ new versions

    def unlocked(self) -> None:
        """Hold the version that came with the app against those that are known here."""
        for _ in range(_TRIES):
            with suppress(NotAllowed):  # another process was faster: look again
                self._compare_given(self.in_force())
                break
        self.settle()

    def _compare_given(self, now: PolicyState) -> None:
        given = self._given
        if self._vault.get(POLICY_STATE, _Kept) is None:
            with self._vault.write() as transaction:
                self._write(transaction, now)
        elif given.document.policy_id != now.newest.document.policy_id:
            return  # no version of what is known here, whatever its number: see ``set_aside``
        elif given.version > now.newest.version:
            self._announce(now, given)
        elif _only_moved(now.newest, given):
            self._move(now, given)

    def offer(self, policy: Policy) -> PolicyState:
        """Take a newer version whose signature was checked; return what holds then.

        Raises:
            PolicyOutdated: it is older than what is known here, or another text of the same version (X1).
        """
        now = self.in_force()
        if policy.sha256 == now.newest.sha256:
            return now
        if _only_moved(now.newest, policy):
            self._move(now, policy)
            return self.in_force()
        if policy.version <= now.newest.version:
            raise PolicyOutdated(version=policy.version, known=now.newest.version)
        with suppress(NotAllowed):  # another process was faster, with this version or a newer one
            self._announce(now, policy)
        self.settle()
        return self.in_force()

    def _move(self, now: PolicyState, moved: Policy) -> None:
        """Take the newest version's text with other host names; anyone who agreed to it agreed to this."""
        # Where hosts move, nothing changes that is compared.
        state = PolicyState(moved) if now.pending is None else msgspec.structs.replace(now, pending=moved)
        with self._vault.write() as transaction:
            self._expect(transaction, now)
            carry_guardian(transaction, now.newest.sha256, moved.sha256)
            self._replace(transaction, now, state)
        self._take(state)

    def _announce(self, now: PolicyState, newest: Policy) -> None:
        change = rules.compare(now.binding, newest)
        parts = parts_of(change, newest)
        shown = tuple(shown for shown in now.shown if shown.what & parts)
        needed = parts_of(msgspec.structs.replace(change, widened=()), newest)
        accepted = now.accepted & change.cells if needed <= parts_of(now.change, now.newest) else frozenset()
        self._keep(now, PolicyState(now.binding, newest, change, shown, accepted))
        logger.info("policy version %d taken; version %d binds", newest.version, now.binding.version)

    # ------------------------------------------------------------ the user

    def shown(self, state: PolicyState, language: str) -> None:
        """Note that all of ``state``'s change was shown now.

        Raises:
            NotAllowed: another version has come meanwhile.
        """
        if state.pending is not None:
            what = parts_of(state.change, state.pending)
            shown = Shown(state.pending.version, state.pending.sha256, language, self._vault.now(), what)
            self._keep(state, msgspec.structs.replace(state, shown=(*state.shown, shown)))

    def accept(self, state: PolicyState) -> None:
        """Note that the user takes what is newly necessary in the pending version, ahead of its date.

        Raises:
            NotAllowed: another version has come meanwhile.
        """
        if state.change is not None:
            self._keep(state, msgspec.structs.replace(state, accepted=state.change.cells))

    def settle(self) -> bool:
        """Let the pending version bind if its time has come; return whether it did.

        In the same transaction, consents that it widens fall back to unset, and a guardian's agreement counts for it
        only if it takes nothing and needs nothing new.
        """
        state = self.in_force()
        at = state.binds_at()
        if state.pending is None or state.change is None or at is None:
            return False
        if self._vault.age().begins(self._vault.clock.time()) < at:  # the smallest clock, and none only set forward
            return False
        bound = PolicyState(state.pending)
        with suppress(NotAllowed), self._vault.write() as transaction:
            self._expect(transaction, state)
            self._unset(transaction, state.change, state.binding, state.pending)
            if not state.change.reduces_rights and not state.change.cells:
                carry_guardian(transaction, state.binding.sha256, state.pending.sha256)
            self._replace(transaction, state, bound)
            self._take(bound)
        if self._now is not bound:
            return False
        logger.info("policy version %d binds now", bound.binding.version)
        return True

    def _keep(self, before: PolicyState, state: PolicyState) -> None:
        with self._vault.write() as transaction:
            self._expect(transaction, before)
            if before.pending is not None and state.pending is not before.pending:
                # Who agreed to a pending version agreed to its text, and not to what came in its place.
                between = rules.compare(before.pending, state.newest)
                self._unset(transaction, between, before.pending, state.newest, shown=before.pending.sha256)
            self._replace(transaction, before, state)
        self._take(state)

    def _unset(
        self, transaction: Transaction, change: PolicyChange, before: Policy, after: Policy, *, shown: str = ""
    ) -> None:
        """Let consents that ``after`` widens or words differently fall back to unset; ``shown``: see ``reworded``."""
        from rocketvpn_sdk.consent.ending import reworded, unset  # loaded when a version binds, which is seldom

        void = (change.reconsent - change.reworded) | reworded(transaction, before, after, shown=shown)
        unset(transaction, void, at=self._vault.age().highest, spare=after.sha256)

    def _expect(self, transaction: Transaction, state: PolicyState) -> None:
        """Check, inside the transaction, that the versions are still those that were looked at."""
        held = transaction.get(POLICY_STATE, _Kept)
        wanted = _kept(state)
        if held is not None and (held.binding, held.newest) != (wanted.binding, wanted.newest):
            raise NotAllowed(rule="X2", reason="Another version has come meanwhile: ask policy.notice for that.")

    def _replace(self, transaction: Transaction, before: PolicyState, state: PolicyState) -> None:
        self._write(transaction, state)
        if allows_more(before, state):
            transaction.mark(RECORDED)
        asked = newly_asked(before, state)
        if asked:  # a record is kept only if each version allows it, and nobody has agreed to this one
            transaction.shred([msgspec.structs.replace(RECORDED, purpose=purpose) for purpose in asked])
        kept = {policy.sha256 for policy in state.policies}
        transaction.drop(*(_text_name(policy.sha256) for policy in before.policies if policy.sha256 not in kept))
        transaction.request_rotation(self._vault.clock.time())

    def _write(self, transaction: Transaction, state: PolicyState) -> None:
        for policy in state.policies:
            transaction.put(_text_name(policy.sha256), _Text(policy.canonical_json().decode()))
        transaction.put(POLICY_STATE, _kept(state))


def policy_documents(transaction: Transaction) -> tuple[str, ...]:
    """Return the names of the documents that say which versions hold and what was shown of them; they name no person.

    Who deletes everything keeps them as long as there is a vault, or an older version could bind in it once more.
    """
    kept = transaction.get(POLICY_STATE, _Kept)
    if kept is None:
        return ()
    return (POLICY_STATE, *map(_text_name, kept.texts))


def _kept(state: PolicyState) -> _Kept:
    pending = state.pending.sha256 if state.pending else ""
    return _Kept(binding=state.binding.sha256, newest=pending, shown=state.shown, accepted=state.accepted)


def _text_name(sha256: str) -> str:
    return f"{POLICY_STATE}/{sha256}"


def _only_moved(newest: Policy, other: Policy) -> bool:
    """Whether ``other`` is the same version, word for word, on other hosts."""
    return newest.sha256 != other.sha256 and newest.identity == other.identity
