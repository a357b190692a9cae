"""A rule of the policy says no, or a value does not fit."""

from __future__ import annotations

from rocketvpn_sdk.errors.base import RocketVPNError


class NotAllowed(RocketVPNError):
    """A rule of the policy says no; ``rule`` is the clause and ``reason`` its sentence."""

    code = "not-allowed"
    sentence = "The privacy policy does not allow this ({rule}): {reason}"
    remedy = "Nothing was stored or sent."


class EgressBlocked(NotAllowed):
    """Something would have left the device that may not; raised before any socket opens.

    ``operation``, ``rule``, ``reason``.
    """

    code = "egress-blocked"
    sentence = "{operation!r} was stopped before it left this device ({rule}): {reason}"
    remedy = "Nothing was sent."


class NotCorrectable(NotAllowed):
    """``field`` cannot be corrected; ``correctable`` lists those that can."""

    code = "not-correctable"
    sentence = "The field {field!r} cannot be corrected."
    remedy = "These can: {correctable}. For anything else, ask through {contact}."


class NotCancellable(NotAllowed):
    """A request that waits for the server cannot be cancelled, since a right would be lost with it; ``reason``."""

    code = "not-cancellable"
    sentence = "This request cannot be cancelled ({rule}): {reason}."
    remedy = "It stays until the server has it; what was done on this device stays done."


class AgeSettled(NotAllowed):
    """Who said that they are under age cannot take it back by themselves; ``retry_at``: when they are asked again."""

    code = "age-settled"
    remedy = "A guardian can say so: request_guardian(contact, of_age=True). Else they are asked again after a year."


class ConsentError(NotAllowed):
    """The base of why a consent cannot be given; ``rule`` is the clause and ``reason`` its sentence."""

    code = "consent-error"
    sentence = "This cannot be agreed to ({rule}): {reason}"


class AgeUnknown(ConsentError):
    """Nobody has said yet whether the user is of age (M1)."""

    code = "age-unknown"
    remedy = "Ask the user, and call declare_age(adult) first; nothing was changed."


class GuardianNeeded(ConsentError):
    """The user is under age, and no guardian agreed to this version of the policy (M1, M2)."""

    code = "guardian-needed"
    remedy = "Ask a guardian with request_guardian(contact), then call again; nothing was changed."


class ConsentNotNeeded(ConsentError):
    """The purpose is necessary: nobody is asked, so nobody can agree or refuse. ``purpose``."""

    code = "consent-not-needed"
    remedy = "Explain it with policy.explain({purpose!r}); it needs no consent."


class NoticeUnknown(ConsentError):
    """The notice was not made by this process, or was altered: it does not show what the user saw."""

    code = "notice-unknown"
    remedy = "Show what notice(purpose) returns, and pass on that very value; nothing was changed."


class NoticeOutdated(ConsentError):
    """The notice shows another version of the policy than the newest one; ``shown`` and ``newest``."""

    code = "notice-outdated"
    sentence = "This cannot be agreed to ({rule}): the notice shows version {shown}, and version {newest} is there now."
    remedy = "Get a new notice, show it and ask again; nothing was changed."


class GuardianError(NotAllowed):
    """The base of why a guardian's agreement does not count (M1, M2); ``rule`` is the clause."""

    code = "guardian-error"
    sentence = "The guardian's agreement cannot be taken ({rule})."


class GuardianNotAsked(GuardianError):
    """There is no request to a guardian that a code could belong to."""

    code = "guardian-not-asked"
    sentence = "No guardian has been asked, or the request is settled ({rule})."
    remedy = "Ask one with request_guardian(contact)."


class GuardianCodeWrong(GuardianError):
    """The code is not the one that was sent; ``left`` says how many tries are left, where the server says so."""

    code = "guardian-code-wrong"
    sentence = "That is not the code that was sent to the guardian ({rule}){left}."
    remedy = "Look at the newest e-mail and enter its code; nothing was changed."


class GuardianCodeExpired(GuardianError):
    """The code's time is over, or the server does not know the request any more."""

    code = "guardian-code-expired"
    sentence = "The guardian's code is no longer valid ({rule})."
    remedy = "Ask again with request_guardian(contact); a new code is sent."


class GuardianCodeUsed(GuardianError):
    """The code was used already: it counts once."""

    code = "guardian-code-used"
    sentence = "The guardian's code was used already ({rule}); it counts once."
    remedy = "consent.status() shows what holds; for a new agreement ask again with request_guardian(contact)."


class GuardianTriesSpent(GuardianError):
    """Too many wrong codes: this one is spent."""

    code = "guardian-tries-spent"
    sentence = "Too many wrong codes were entered; the guardian's code is spent ({rule})."
    remedy = "Ask again with request_guardian(contact); a new code is sent."


class GuardianOtherPolicy(GuardianError):
    """The guardian was shown another version of the policy; ``shown`` and ``newest`` are their numbers."""

    code = "guardian-other-policy"
    sentence = "The guardian was asked about version {shown} of the policy, and version {newest} is there now ({rule})."
    remedy = "Ask again with request_guardian(contact); the new version goes with it."


class ValueRefused(RocketVPNError):
    """A value that a call cannot take: ``name`` says which argument, ``problem`` why. The value is not repeated."""

    code = "value-refused"
    sentence = "The value of {name!r} cannot be used: {problem}."
    remedy = "Correct it and call again; nothing was changed."


class TermUnknown(ValueRefused):
    """Something to be explained that the policy does not have: ``term``; ``near`` names what it may have meant."""

    code = "term-unknown"
    sentence = "The privacy policy has no term {term!r}."
    remedy = "Try one of these: {near}."


class PurposeUnknown(ValueRefused):
    """A purpose or third party that the policy does not ask about: ``purpose``; ``known`` lists what it asks about."""

    code = "purpose-unknown"
    sentence = "The privacy policy does not ask whether you agree to {purpose!r} (U7)."
    remedy = "It asks about these: {known}."
