"""The recovery code as its owner gets it: shown once, and not kept on this device."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import ClassVar

from rocketvpn_sdk import wire
from rocketvpn_sdk.crockford import groups
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.recovery_code import new_code
from rocketvpn_sdk.transport import Api


class RecoveryCode(SecretStruct, frozen=True, kw_only=True):
    """A recovery code to be printed or written down now: it is shown once, and not kept here.

    It takes the place of a code from an e-mail, once, on a device that is bound to the order.
    """

    __masked__: ClassVar[tuple[str, ...]] = ("code",)

    code: str
    """32 characters of Crockford's base32."""
    made_on: date
    """By the server's calendar."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The code in groups of four, as it is read aloud or typed."""
        return groups(self.code)

    @property
    def text(self) -> str:
        """The code as it is printed: the groups with hyphens between them."""
        return "-".join(self.groups)


def make_recovery_code(api: Api) -> RecoveryCode:
    """Make one; see ``Rights.make_recovery_code``."""
    code = new_code()
    api.remember((code, "-".join(groups(code))))
    made = api.call("recovery.make", answer=wire.RecoveryCodeMade, body=wire.NewRecoveryCode(fingerprint=_print(code)))
    return RecoveryCode(code=code, made_on=made.value.made_on)


def _print(code: str) -> str:
    return hashlib.sha256(wire.RECOVERY_LABEL + code.encode()).hexdigest()
