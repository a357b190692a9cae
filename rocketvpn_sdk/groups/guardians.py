"""Asking a guardian through the server, and handing in the code (M1 to M3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from rocketvpn_sdk import entered, wire
from rocketvpn_sdk.consent import GuardianAsked
from rocketvpn_sdk.consent.guardian import About, GuardianRequestState
from rocketvpn_sdk.consent.minors import Minors
from rocketvpn_sdk.errors import GuardianError, RequestRefused, ServerError, ValueRefused

if TYPE_CHECKING:
    from rocketvpn_sdk.transport import Api

_RULE = "M2"
_SETTLED = {
    "guardian-request-not-found": "code-expired",
    "guardian-code-expired": "code-expired",
    "guardian-code-used": "code-used",
    "guardian-tries-spent": "tries-spent",
}
"""Causes by the server's reasons after which no code helps any more: the request is forgotten here, too."""
_CAUSES = {**_SETTLED, "idempotency-key-reused": "code-used"}


def request_guardian(
    minors: Minors, connect: Callable[[], Api], contact: str, language: str, *, of_age: bool
) -> GuardianAsked:
    """Ask a guardian; see ``Consents.request_guardian``.

    Args:
        minors: where it is written down.
        connect: returns the calls.
        contact: an e-mail address.
        language: BCP 47, for the letter.
        of_age: ask the guardian to say that the user is of age now, instead of agreeing to the policy.
    """
    about: About = "age" if of_age else "agreement"
    newest = minors.newest()
    body = wire.NewGuardianRequest(
        contact=contact,
        about=about,
        language=language,
        policy_version=newest.version,
        policy_sha256=newest.sha256,
    )
    try:
        answer = connect().call("guardian.request", answer=wire.GuardianRequest, body=body).value
    except RequestRefused as refused:
        if refused.params["reason"] == "policy-version-unknown":
            raise GuardianError(cause="policy-unknown", rule=_RULE, newest=newest.version) from None
        if refused.params["reason"] == "validation-failed":
            raise ValueRefused(name="contact", problem="the server cannot use it, or the language") from None
        raise
    _check(answer, about, newest.version, newest.sha256, "guardian.request")
    minors.note_asked(
        GuardianRequestState(
            request=answer.request_id,
            about=about,
            version=newest.version,
            sha256=newest.sha256,
            expires_at=answer.expires_at.timestamp(),
            key=str(uuid.uuid4()),
            code_digits=answer.code_digits,
        )
    )
    return GuardianAsked(about=about, policy_version=newest.version, sha256=newest.sha256, expires_at=answer.expires_at)


def confirm_guardian(minors: Minors, connect: Callable[[], Api], code: str) -> None:
    """Hand in a code; see ``Consents.confirm_guardian``."""
    asked, code = minors.answerable(), entered.code(code)
    if not entered.may_be_code(code, asked.code_digits):
        # The server need not be asked, and no try is spent.
        raise GuardianError(cause="code-wrong", rule=_RULE, left="")
    try:
        answered = connect().call(
            "guardian.confirm",
            answer=wire.GuardianConfirmation,
            body=wire.GuardianCode(code=code),
            path={"request_id": asked.request},
            idempotency_key=asked.key,  # the same for every code: an answer that got lost comes again
        )
    except ValueRefused:
        raise GuardianError(cause="code-wrong", rule=_RULE, left="") from None  # no code looks like that
    except RequestRefused as refused:
        raise _why(minors, refused, asked) from None
    _check(answered.value, asked.about, asked.version, asked.sha256, "guardian.confirm")
    minors.confirm(asked)


def _why(minors: Minors, refused: RequestRefused, asked: GuardianRequestState) -> GuardianError | RequestRefused:
    reason = refused.params["reason"]
    if reason in _SETTLED:
        minors.drop_request()
    if reason == "guardian-code-wrong":
        return GuardianError(cause="code-wrong", rule=_RULE, left="".join(f"; {item.detail}" for item in refused.items))
    if reason == "policy-version-unknown":
        return GuardianError(cause="other-policy", rule=_RULE, shown=asked.version, newest=minors.newest().version)
    return GuardianError(cause=_CAUSES[reason], rule=_RULE) if reason in _CAUSES else refused


def _check(
    answer: wire.GuardianRequest | wire.GuardianConfirmation, about: About, version: int, sha256: str, operation: str
) -> None:
    """Check that the server speaks of what was asked (M2): another text, or another question, proves nothing."""
    if (answer.about, answer.policy_version, answer.policy_sha256) != (about, version, sha256):
        raise ServerError(operation=operation, status=200, problem="it is about something else than was asked")
