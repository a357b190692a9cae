"""Runs the sandbox's relay or gateway as they are, and writes down everything that each of them gets to see."""

from __future__ import annotations

import base64
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from rocketvpn_sdk.oblivious import BinaryRequest
from rocketvpn_sdk.sandbox import gateway, passing
from rocketvpn_sdk.sandbox.passing import Passed


def main(name: str, file: str, folder: str, address: str, calls: str) -> None:
    """Serve as ``name`` does; a line of JSON in ``file`` for each message."""
    handler, opened = passing._Handler, gateway.Gateway._served

    def note(**seen: Any) -> None:
        with Path(file).open("a") as lines:
            lines.write(json.dumps(seen) + "\n")

    def do_post(self: passing._Handler) -> None:
        before = type(self).answer

        def answer(body: bytes) -> Passed:
            passed = before(body)
            note(
                client=self.client_address[0],
                line=self.requestline,
                headers=dict(self.headers.items()),
                body=base64.b64encode(body).decode(),
                answer=base64.b64encode(passed.body).decode(),
            )
            return passed

        self.__class__ = type("Recording", (type(self),), {"answer": staticmethod(answer)})
        original(self)

    def served(self: gateway.Gateway, request: BinaryRequest) -> Any:
        note(opened=request.body.decode(), path=request.path, headers=dict(request.headers))
        return opened(self, request)

    original = handler.do_POST
    handler.do_POST = do_post  # type: ignore[method-assign]  # that is the point
    gateway.Gateway._served = served  # type: ignore[method-assign]  # as above
    import_module(f"rocketvpn_sdk.sandbox.{name}").main(folder, address, calls)


if __name__ == "__main__":
    main(*sys.argv[1:])
