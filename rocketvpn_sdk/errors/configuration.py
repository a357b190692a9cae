"""What the app passed in cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rocketvpn_sdk.errors.base import RocketVPNError


class AdministratorNeeded(RocketVPNError):
    """What other users have cannot be reached with the rights of this one."""

    code = "administrator-needed"
    MESSAGE = "Only an administrator can remove what other users of this computer have."
    REMEDY = "Run it as an administrator, or let each user remove their own."
    HINT = "Call it as root on Linux and macOS; on Windows, once for each user, in a process of that user."


class ConfigurationError(RocketVPNError):
    """``Config`` holds something that cannot work; ``problem`` says what."""

    code = "configuration-invalid"
    MESSAGE = "The configuration cannot work: {problem}."
    REMEDY = "Tell the makers of this app."
    HINT = "Correct it where the app builds its Config."


class PolicyInvalid(ConfigurationError):
    """The policy document is not valid; ``path``, ``line`` (from 1; 0: unknown) and ``problem`` say where and why."""

    code = "policy-invalid"
    MESSAGE = "{path}, line {line}: {problem}."
    MESSAGES: ClassVar[Mapping[str, str]] = {"unplaced": "{path}: {problem}."}
    REMEDY = "Tell the makers of this app."
    HINT = "Correct the policy document; `rocketvpn policy lint` checks it."

    @property
    def cause(self) -> str:
        """``unplaced`` where the line is unknown, or it is about the file as a whole."""
        return super().cause if self.params.get("line") else "unplaced"


class CallbackFailed(RocketVPNError):
    """A function that the app passed in raised something, which is the ``__cause__``; ``name`` says which argument."""

    code = "callback-failed"
    MESSAGE = "A part of this app failed ({problem})."
    REMEDY = "Nothing was changed. Tell the makers of this app."
    HINT = "It is the function that was passed as {name}; what it raised is the __cause__."


class CallCancelled(RocketVPNError):
    """The app cancelled the call, with a ``CancelToken`` or by cancelling its task.

    What left the device until then is in the ledger (``rights.sent``). If the server may have done it, and it was one
    of the app's own calls, ``idempotency_key`` is the key to repeat it with.
    """

    code = "call-cancelled"
    MESSAGE = "This was cancelled."
    REMEDY = "Start it again whenever you like."


class PolicyOutdated(RocketVPNError):
    """A policy older than the one known here was offered (X1); ``version`` and ``known`` are their numbers."""

    code = "policy-outdated"
    MESSAGE = "Version {version} of the policy was offered, and version {known} is known here already."
    REMEDY = "Nothing was changed. If it goes on, ask the operator to publish a newer version."


class EventUndeclared(ConfigurationError):
    """An event that the policy or ``Config(events=...)`` does not know; ``event`` and ``problem`` say which and why."""

    code = "event-undeclared"
    MESSAGE = "The event {event} cannot be recorded: {problem}."
    REMEDY = "Tell the makers of this app."
    HINT = "Declare it in the policy, or leave it out of the event class."


class OperationUndeclared(ConfigurationError):
    """A call of an operation that the policy does not declare; ``operation`` and ``problem``."""

    code = "operation-undeclared"
    MESSAGE = "The operation {operation} cannot be called: {problem}."
    REMEDY = "Tell the makers of this app."
    HINT = "Declare it under [[operation]] in the policy, or correct the call."
