"""How much code four calls walk through: ``python tests/bench/walks.py``.

Each is made twice against a sandbox; the second time, the functions of the client that run on the caller's thread are
counted: calls, different functions, the files that these are in, and how deep they are nested at most.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]  # it is run as a script

from support.world import World, tunnel_key  # noqa: E402 - the path is set above

import rocketvpn_sdk  # noqa: E402 - the path is set above
from rocketvpn_sdk import RocketVPN  # noqa: E402 - the path is set above
from rocketvpn_sdk.sandbox import Sandbox  # noqa: E402 - the path is set above

PACKAGE = str(Path(rocketvpn_sdk.__file__).parent)
NOT_THE_CLIENT = tuple(f"{PACKAGE}/{name}/" for name in ("sandbox", "testing"))


class Walk:
    """Counts the functions of the client that run while it is entered."""

    def __init__(self) -> None:
        self.calls = self.depth = self._now = 0
        self.functions: set[CodeType] = set()

    def __enter__(self) -> Self:
        sys.setprofile(self._step)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _step(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        ours = code.co_filename.startswith(PACKAGE) and not code.co_filename.startswith(NOT_THE_CLIENT)
        if not ours or code.co_name.startswith("<"):  # a comprehension is a line of the function that it stands in
            return
        if event == "call":
            self.calls += 1
            self._now += 1
            self.depth = max(self.depth, self._now)
            self.functions.add(code)
        elif event == "return":
            self._now -= 1

    def __str__(self) -> str:
        files = {code.co_filename for code in self.functions}
        return f"{self.calls:7,} {len(self.functions):9,} {len(files):5} {self.depth:5}"


def _call(rocket: RocketVPN) -> Callable[[], object]:
    return lambda: rocket.call("tunnel.register", public_key=tunnel_key())


def _withdrawal(rocket: RocketVPN) -> Callable[[], object]:
    rocket.consent.declare_age(adult=True)
    rocket.consent.grant(rocket.consent.notice("improvement"))
    return lambda: rocket.consent.withdraw("improvement")


def _deletion(rocket: RocketVPN) -> Callable[[], object]:
    plan = rocket.rights.plan_delete("account", with_code=True)
    return lambda: rocket.rights.delete(plan)


def _check(rocket: RocketVPN) -> Callable[[], object]:
    return rocket.policy.check


WALKS = {"call": _call, "withdrawal": _withdrawal, "policy.check": _check, "deletion": _deletion}
"""Each prepares what it needs, and returns what is walked."""


def main() -> None:
    """Print what each walks through."""
    print(f"{'':14}   calls functions files depth")
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder) / "server") as sandbox:
        for name, prepare in WALKS.items():
            for time in ("first", "second"):  # what is imported or read once is not counted
                with RocketVPN.open(World(sandbox, Path(folder) / f"{name} {time}").config()) as rocket:
                    rocket.device.bind(sandbox.order())
                    walked = prepare(rocket)
                    if name in ("call", "policy.check"):  # a connection and a policy that are there already
                        walked()
                    with Walk() as walk:
                        walked()
            print(f"{name:14} {walk}")


if __name__ == "__main__":
    main()
