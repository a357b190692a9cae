"""``crash_steps`` for the other rights: a fork uses one, and dies just before or just after its n-th exchange."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.rights import erase_with_ticket
from support import crash_steps
from support.crash import Steps, start
from support.deletion_steps import Seams, count_exchanges, opened

USES: dict[str, Callable[[RocketVPN, str], object]] = {
    "view": lambda rocket, _: rocket.rights.view(),
    "export": lambda rocket, path: rocket.rights.export(path),
    "correct": lambda rocket, language: rocket.rights.correct({"language": language}),
    "cancel": lambda rocket, request_id: rocket.rights.cancel(request_id),
    "make-ticket": lambda rocket, _: rocket.rights.make_ticket("device"),
    "revoke-ticket": lambda rocket, ticket_id: rocket.rights.revoke_ticket(ticket_id),
}


class RightsSteps(Steps):
    """``Steps`` with ``use`` and ``use_ticket``."""

    def __init__(self) -> None:
        self._helper = start("rights_steps")


def use(right: str, about: str, folder: str, server: str, ca_file: str, at: int) -> None:
    """Use a right of the device in ``folder``."""
    USES[right](opened(folder, server, ca_file, "exchange", at), about)


def use_ticket(ticket: str, ca_file: str, at: int) -> None:
    """Use a ticket, on a machine that has nothing else."""
    seams = Seams("exchange", at)
    count_exchanges(seams)
    seams.armed = True
    erase_with_ticket(ticket, trust=Path(ca_file))


if __name__ == "__main__":
    crash_steps.STEPS.update(use=use, use_ticket=use_ticket)
    crash_steps.main()
