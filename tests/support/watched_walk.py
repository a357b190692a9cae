"""Makes every public call with an audit hook that hears of every socket, and says what it heard.

    python -m support.watched_walk FOLDER CLIENT_FILE passing|refusing

It runs in a process of its own: a hook cannot be taken off again, and the server must not be heard with it.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.transport import exchange, guard, pools, resolver
from rocketvpn_sdk.transport.sent import SentLedger
from support import grown_up
from support.walking import walk
from support.world import World

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostby", "socket.sendto", "socket.sendmsg")
OTHER_WAYS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "ctypes.dlopen",
    "webbrowser.open",
)


class Watch:
    """Keeps what was checked, recorded and opened, in the order in which it was."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[tuple[str, str]] = []

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on or not event.startswith((*NETWORK, *OTHER_WAYS)):
            return
        if event == "socket.connect" and not isinstance(args[1], tuple):
            return  # a Unix socket stays on this device
        self.seen.append((event, _operation(sys._getframe(1))))

    def along(self, owner: Any, name: str, what: str) -> None:
        """Note each call of ``owner.name`` that returns."""
        original = getattr(owner, name)

        def noting(*args: Any, **more: Any) -> Any:
            result = original(*args, **more)
            passed = (
                result
                if isinstance(result, guard.ApprovedRequest)
                else next(a for a in args if isinstance(a, guard.ApprovedRequest))
            )
            self.seen.append((what, passed.operation.id))
            return result

        setattr(owner, name, noting)


def _operation(frame: FrameType | None) -> str:
    """Return the operation whose try is on the stack, or the lines that are; a look-up's, on the stack that waits."""
    lines = []
    if threading.current_thread().name == resolver.THREAD:
        frame = sys._current_frames()[threading.main_thread().ident or 0]
    while frame is not None:
        if frame.f_code is exchange.Exchange._once.__code__:
            return str(frame.f_locals["draft"].approved.operation.id)
        lines.append(f"{frame.f_globals.get('__name__')}:{frame.f_lineno}")
        frame = frame.f_back
    return "nobody's: " + " < ".join(lines[:12])


def refuse(*_: Any) -> guard.ApprovedRequest:
    raise EgressBlocked(operation="any", rule="U7", reason="This guard refuses everything.")


def main(folder: Path, server: Path, how: str) -> None:
    """Walk; say what was seen."""
    sandbox = Sandbox(server)
    with sandbox:
        world = World(sandbox, folder / "vault")
        config = world.config(events=grown_up.EVENTS)
        with RocketVPN.open(config) as rocket:
            rocket.consent.declare_age(adult=True)
            rocket.device.bind(sandbox.order())
            rocket.consent.grant(rocket.consent.notice("improvement"))
        said = _walk(world, folder, how)
    sys.stdout.write(json.dumps(said) + "\n")


def _walk(world: World, folder: Path, how: str) -> dict[str, Any]:
    watch = Watch()
    pools._KEPT = pools._NO_REUSE
    resolver.KEPT = 0.0  # each connection looks its name up
    watch.along(SentLedger, "begin", "recorded")
    if how == "passing":
        watch.along(guard, "check", "passed")
        watch.along(guard, "check_again", "passed")
    else:
        guard.check = refuse
    sys.addaudithook(watch.hook)
    before = len(world.sandbox.requests)
    heard_by: dict[str, int] = {}

    def check(name: str) -> None:
        heard_by[name] = sum(event.startswith(NETWORK) for event, _ in watch.seen)

    with RocketVPN.open(world.config(events=grown_up.EVENTS)) as rocket:
        walking = grown_up.values(world, folder)
        watch.on = True
        walk(rocket, walking, check=check)
    watch.on = False
    arrived = [f"{request.method} {request.path}" for request in world.sandbox.requests[before:]]
    return {"seen": watch.seen, "arrived": arrived, "walked": sorted(heard_by)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
