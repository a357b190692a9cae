"""A rule of the policy says no, or a value does not fit."""

from __future__ import annotations

from typing import ClassVar

from rocketvpn_sdk.errors.base import RocketVPNError


class NotAllowed(RocketVPNError):
    """A rule of the policy says no; ``rule`` is the clause and ``reason`` its sentence."""

    code = "not-allowed"
    MESSAGE = "The privacy policy does not allow this ({rule}): {reason}"
    REMEDY = "Nothing was stored or sent."


class EgressBlocked(NotAllowed):
    """Something would have left the device that may not; raised before any socket opens.

    ``operation``, ``rule``, ``reason``.
    """

    code = "egress-blocked"
    MESSAGE = "Something was stopped before it left this device ({rule}): {reason}"
    REMEDY = "Nothing was sent."
    HINT = "The operation is {operation}."


class NotCorrectable(NotAllowed):
    """``field`` cannot be corrected; ``correctable`` lists those that can."""

    code = "not-correctable"
    MESSAGE = "The field “{field}” cannot be corrected."
    REMEDY = "These can: {correctable}. For anything else, ask through {contact}."


class NotCancellable(NotAllowed):
    """A request that waits for the server cannot be cancelled, since a right would be lost with it; ``reason``."""

    code = "not-cancellable"
    MESSAGE = "This request cannot be cancelled ({rule}): {reason}."
    REMEDY = "It stays until the server has it; what was done on this device stays done."


class AgeSettled(NotAllowed):
    """Who said that they are under age cannot take it back by themselves; ``retry_at``: when they are asked again."""

    code = "age-settled"
    REMEDY = "A guardian can confirm your age. Otherwise you are asked again after a year."
    HINT = "Call consent.request_guardian(contact, of_age=True)."


class ConsentError(NotAllowed):
    """The base of why a consent cannot be given; ``rule`` is the clause and ``reason`` its sentence."""

    code = "consent-error"
    MESSAGE = "This cannot be agreed to ({rule}): {reason}"


class AgeUnknown(ConsentError):
    """Nobody has said yet whether the user is of age (M1)."""

    code = "age-unknown"
    REMEDY = "Say first whether you are of age; nothing was changed."
    HINT = "Ask the user, and call consent.declare_age(adult)."


class GuardianNeeded(ConsentError):
    """The user is under age, and no guardian agreed to this version of the policy (M1, M2)."""

    code = "guardian-needed"
    REMEDY = "Ask your guardian to agree, then try again; nothing was changed."
    HINT = "Call consent.request_guardian(contact)."


class ConsentNotNeeded(ConsentError):
    """The purpose is necessary: nobody is asked, so nobody can agree or refuse. ``purpose``."""

    code = "consent-not-needed"
    REMEDY = "You need not do anything: it works without being agreed to."
    HINT = "policy.explain({purpose!r}) says what it is for."


class PurposeUnused(ConsentError):
    """No operation and no event uses anything for ``purpose``, so nobody could say what is agreed to."""

    code = "purpose-unused"
    MESSAGE = "There is nothing to agree to for {sentence} ({rule}): nothing is used for it now."
    REMEDY = "You need not do anything: you are asked as soon as something is to be used for it."
    HINT = "Declare an operation for {purpose!r} in the policy, or pass an event for it in Config(events=[...])."


class NoticeUnknown(ConsentError):
    """The notice was not made by this process, or was altered: it does not show what the user saw."""

    code = "notice-unknown"
    REMEDY = "Open the question again, and answer it there; nothing was changed."
    HINT = "Show what consent.notice(purpose) returns, and pass on that very value."


class NoticeOutdated(ConsentError):
    """The notice shows another version of the policy than the newest one; ``shown`` and ``newest``."""

    code = "notice-outdated"
    MESSAGE = "This cannot be agreed to ({rule}): the notice shows version {shown}, and version {newest} is there now."
    REMEDY = "Open the question again, and read the new version; nothing was changed."
    HINT = "Get a new notice with consent.notice(purpose), and show it."


class GuardianError(NotAllowed):
    """A guardian's agreement does not count (M1, M2); ``rule`` is the clause, and ``cause`` says why.

    ``cause`` is ``not-asked`` (there is no request that a code could belong to), ``code-wrong`` (``left`` says how many
    tries are left, if the server says so), ``code-expired`` (or the server does not know the request any more),
    ``code-used`` (a code counts once), ``tries-spent`` (too many wrong codes), ``other-policy`` (the guardian was
    shown another version of the policy; ``shown`` and ``newest`` are their numbers) or ``policy-unknown`` (the server
    does not know version ``newest``, so nobody was asked).
    """

    code = "guardian-error"
    MESSAGE = "The guardian's agreement cannot be taken ({rule})."
    MESSAGES: ClassVar = {
        "not-asked": "No guardian was asked, or the request is settled ({rule}).",
        "code-wrong": "That is not the code that was sent to the guardian ({rule}){left}.",
        "code-expired": "The guardian's code is no longer valid ({rule}).",
        "code-used": "The guardian's code was used already ({rule}); it counts once.",
        "tries-spent": "Too many wrong codes were entered; the guardian's code is spent ({rule}).",
        "other-policy": "The guardian was asked about version {shown} of the policy, and version {newest} is there now"
        " ({rule}).",
        "policy-unknown": "Nobody was asked: the operator does not know version {newest} of the policy yet ({rule}).",
    }
    REMEDY = "Ask your guardian again; a new code is sent."
    REMEDIES: ClassVar = {
        "not-asked": "Ask your guardian first.",
        "code-wrong": "Look at the newest e-mail and enter its code; nothing was changed.",
        "code-used": "Look at what you have agreed to. For a new agreement, ask your guardian again.",
        "other-policy": "Ask your guardian again; the new version goes with it.",
        "policy-unknown": "Try again later.",
    }
    HINT = "Call consent.request_guardian(contact); consent.status() shows what holds."


class ValueRefused(RocketVPNError):
    """A value that a call cannot take: ``name`` says which argument, ``problem`` why. The value is not repeated."""

    code = "value-refused"
    MESSAGE = "The value of {name} cannot be used: {problem}."
    REMEDY = "Correct it and try again; nothing was changed."


class TermUnknown(ValueRefused):
    """Something to be explained that the policy does not have: ``term``; ``near`` names what it may have meant."""

    code = "term-unknown"
    MESSAGE = "The privacy policy has no term “{term}”."
    REMEDY = "Try one of these: {near}."


class PurposeUnknown(ValueRefused):
    """A purpose or third party that the policy does not ask about: ``purpose``; ``known`` lists what it asks about."""

    code = "purpose-unknown"
    MESSAGE = "The privacy policy does not ask whether you agree to “{purpose}” (U7)."
    REMEDY = "It asks about these: {known}."
