"""``rocket.policy``: which version holds, what a new one changes, and that it was shown before it binds (X1 to X3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.errors import NotAllowed
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.policy import Explanation, Policy, PolicyChange, explain, parse_policy
from rocketvpn_sdk.policy.wording import text_in
from rocketvpn_sdk.policy_versions import OperatorNotice, PolicyNotice, PolicyState, Versions, held_notices, notice_of
from rocketvpn_sdk.policy_versions.operator_notices import note_shown, take_notices
from rocketvpn_sdk.signed_files.lists import read_list
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.wire import NOTICES_TARGET, NoticeList

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files.trust import TrustedFiles

POLICY_TARGET = "policy/policy.json"
"""The signed file that holds the newest version, as canonical JSON."""


@checks_arguments
class Policies:
    """The policy's versions, for the app and its user. Thread-safe as the vault is.

    Args:
        vault: where the operator's notices rest.
        versions: those on this device.
        trusted: returns the operator's signed files; called when the network is needed first.
        events: where a ``PolicyNotice`` goes.
        before_binding: called before another version binds: what waits in memory was given under the old one.
        after_binding: called once other versions are in force: what they keep for less goes from what is stored.
    """

    def __init__(
        self,
        vault: Vault,
        versions: Versions,
        trusted: Callable[[], TrustedFiles],
        events: EventBus,
        before_binding: Callable[[], None],
        after_binding: Callable[[], None],
    ) -> None:
        self._vault = vault
        self._versions = versions
        self._trusted = trusted
        self._events = events
        self._before_binding = before_binding
        self._after_binding = after_binding

    @property
    def current(self) -> Policy:
        """The version that binds."""
        return self._versions.in_force().binding

    @property
    def pending(self) -> Policy | None:
        """A newer version that does not bind yet: until it does, the device does what both allow."""
        return self._versions.in_force().pending

    @property
    def set_aside(self) -> Policy | None:
        """``Config(policy=...)`` where it is not used: here is another text of the same version, or another policy.

        A text of your own needs a ``policy_id`` of its own, and each change of it a higher ``version``.
        """
        return self._versions.set_aside()

    def check(self) -> PolicyNotice | None:
        """Fetch the newest signed version; return what it changes, or ``None`` where there is nothing to show.

        The operator's notices are fetched with it: see ``notices``. One that is new is emitted as ``OperatorNotice``.

        Raises:
            PolicyOutdated: the server offers an older one; the one known here stays (X1).
            PolicyInvalid: what is signed is no valid policy; nothing changed.
            UpdateRefused: a signature, a date or a length is wrong; nothing changed.
            TransportError, ServerError: the server cannot be asked now.
            VaultLocked: unlock first.
        """
        files = self._trusted()
        files.refresh()
        try:
            return self._check_version(files)
        finally:  # whatever is wrong with the policy, a breach has to be told
            self._take_notices(files)

    def _check_version(self, files: TrustedFiles) -> PolicyNotice | None:
        newest = _parsed(files.read(POLICY_TARGET))
        before = self._versions.in_force()
        self._before_binding()
        held = self._versions.offer(newest)
        if held.policies != before.policies:
            self._after_binding()
        if held.newest.sha256 == before.newest.sha256:
            return self.notice()
        self._announce_version()
        if held.pending is None:  # it bound at once, since it takes nothing
            return notice_of(PolicyState(before.binding, held.binding), "en")
        return self.notice()

    def changes(self) -> PolicyChange:
        """Return what the pending version changes against the binding one; nothing where none is pending."""
        return self._versions.in_force().change or PolicyChange()

    def notice(self, language: str = "en") -> PolicyNotice | None:
        """Return what has to be shown of the pending version, or ``None`` where none is pending."""
        held = self._versions.in_force()
        return None if held.pending is None else notice_of(held, language)

    def notices(self, language: str = "en") -> tuple[OperatorNotice, ...]:
        """Return the operator's signed notices as of the last ``check``, the newest first: breaches, and changes.

        Those that are not ``shown`` yet are to be shown prominently; ``status`` has them, too.

        Args:
            language: BCP 47; English where a notice lacks it.

        Raises:
            VaultLocked: unlock first.
        """
        return held_notices(self._vault).told(language, self._versions.in_force().newest.contact)

    def acknowledge(self, notice: OperatorNotice) -> None:
        """Record that an operator's notice was shown: which text, in which language, when.

        Raises:
            NotAllowed: it is not one of ``notices`` any more; ask for them again.
            VaultLocked: unlock first.
        """
        if not note_shown(self._vault, notice):
            raise NotAllowed(rule="X2", reason="The operator has another notice now: ask policy.notices for that.")
        self._announce_notices()

    def shown(self, notice: PolicyNotice) -> PolicyNotice:
        """Record that ``notice`` was shown: version, SHA-256, language, time. Its date is counted from here.

        Returns:
            The notice, with the day on which its version binds.

        Raises:
            NotAllowed: it is not of the pending version; ask for a ``notice`` and show that.
            VaultLocked: unlock first.
        """
        self._versions.shown(self._matching(notice), notice.language)
        self._events.settle(PolicyNotice)
        return notice_of(self._versions.in_force(), notice.language)

    def accept(self, notice: PolicyNotice) -> None:
        """Record that the user takes what a service newly needs, before its date. Nothing else is hastened by it.

        Raises:
            NotAllowed: the notice was never shown, or is not of the pending version.
            VaultLocked: unlock first.
        """
        held = self._matching(notice)
        if held.shown_since() is None:
            raise NotAllowed(rule="X2", reason="What was never shown cannot be accepted: show it, call policy.shown.")
        self._before_binding()
        self._versions.accept(held)
        self.settle()

    def explain(self, term: str, language: str = "en") -> Explanation:
        """Say what a field, purpose, recipient, category or clause is about, in plain sentences (P1).

        Raises:
            TermUnknown: the policy has no such term.
        """
        return explain(self._versions.in_force().newest, term, language=language)

    def advice(self, language: str = "en") -> str:
        """Return what to show before ``device.bind``: that someone under age asks a guardian first (M1, M2).

        Of two versions in force it is that of the one which counts people as minors for longer.

        Args:
            language: BCP 47; English where the policy lacks it.
        """
        held = max(self._versions.in_force().policies, key=lambda policy: (policy.document.minors.age, policy.version))
        return text_in(held.document.minors.advice, language)

    def settle(self) -> bool:
        """Let a version bind whose time has come; return whether one did. ``unlock`` and ``sync`` call it."""
        if self._versions.in_force().binds_at() is None:
            return False
        self._before_binding()
        if not self._versions.settle():
            return False
        self._events.settle(PolicyNotice)
        self._after_binding()
        return True

    def announce(self) -> None:
        """Tell the app of what was not shown yet, now and if it subscribes later: notices, and a pending version."""
        self._announce_notices()
        self._announce_version()

    def _announce_version(self) -> None:
        self._events.renew(PolicyNotice, self._version_not_shown)

    def _version_not_shown(self) -> dict[str, PolicyNotice]:
        held = self._versions.in_force()
        return {"": notice_of(held, "en")} if held.pending is not None and held.shown_since() is None else {}

    def _announce_notices(self) -> None:
        self._events.renew(OperatorNotice, self._notices_not_shown)

    def _notices_not_shown(self) -> dict[str, OperatorNotice]:
        return {each.sha256: each for each in self.notices() if not each.shown}

    def _take_notices(self, files: TrustedFiles) -> None:
        take_notices(self._vault, read_list(files, NOTICES_TARGET, NoticeList).notices)
        self._announce_notices()

    def _matching(self, notice: PolicyNotice) -> PolicyState:
        held = self._versions.in_force()
        if held.pending is None or (held.pending.version, held.pending.sha256) != (notice.version, notice.sha256):
            raise NotAllowed(rule="X2", reason="This notice is not of the version to come: ask policy.notice for that.")
        return held


@lru_cache(maxsize=1)  # the newest version rarely changes between two checks; a policy is a frozen value
def _parsed(signed: bytes) -> Policy:
    return parse_policy(signed.decode("utf-8", "replace"), path=POLICY_TARGET)
