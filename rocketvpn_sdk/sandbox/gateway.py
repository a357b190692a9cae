"""The gateway, as a process of its own: opens sealed messages, calls the server, and seals its answer (RFC 9458 §5).

It sees the relay's address and nobody else's.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from pathlib import Path

from rocketvpn_sdk import wire
from rocketvpn_sdk.oblivious import (
    BinaryRequest,
    BinaryResponse,
    GatewayKey,
    NotOblivious,
    decode_request,
    encode_response,
)
from rocketvpn_sdk.sandbox import reports, server_keys
from rocketvpn_sdk.sandbox.passing import Caller, Passed, PassingServer, listen, problem, serve

KEY_ID = 1
OTHER_KEY = "https://iana.org/assignments/http-problem-types#ohttp-key"
"""The problem type of a message that was sealed for another key (RFC 9458 §5.3)."""
_SERVED = ("content-type", "accept", "idempotency-key")
"""Headers of a sealed request that reach the server."""
_PATHS = re.compile(rf"{reports.PATH}(/erasures)?|/v1/surveys/[a-z0-9][a-z0-9-]{{0,39}}/responses")
"""What it calls; nothing else."""
_REMEMBERED = 10_000
_PADDED = 512


class Gateway:
    """Opens and answers sealed messages.

    Args:
        key: its secret key.
        server: calls the server.
    """

    def __init__(self, key: GatewayKey, server: Caller) -> None:
        self._key = key
        self._server = server
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, message: bytes) -> Passed:
        """Return the sealed answer to a sealed message; a refusal, if it cannot be opened or was replayed."""
        try:
            opened = self._key.open_request(message)
            request = decode_request(opened.content)
        except NotOblivious:
            return problem(400, OTHER_KEY)
        if self._is_replayed(opened.encapsulated_key):
            return problem(400)
        response = encode_response(self._served(request), padded=_PADDED)
        return Passed(200, wire.OHTTP_RESPONSE, opened.seal_response(response))

    def _served(self, request: BinaryRequest) -> BinaryResponse:
        here = (request.scheme, request.authority) == ("https", self._server.netloc)
        if not here or request.method != "POST" or not _PATHS.fullmatch(request.path):
            refused = problem(404)
            return BinaryResponse(status=404, headers=(("content-type", refused.media),), body=refused.body)
        headers = {name: value for name, value in request.headers if name in _SERVED}
        answer = self._server.post(request.path, headers, request.body)
        media = (("content-type", answer.media),) if answer.media else ()
        return BinaryResponse(status=answer.status, headers=media, body=answer.body)

    def _is_replayed(self, encapsulated_key: bytes) -> bool:
        """Whether the same message came before (RFC 9458 §6.5.1)."""
        with self._lock:
            if encapsulated_key in self._seen:
                return True
            self._seen[encapsulated_key] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return False


def server(folder: Path, address: str, target: str) -> PassingServer:
    """Return a gateway that listens at ``address`` and calls the origin ``target``."""
    key = GatewayKey(KEY_ID, server_keys.gateway_key(folder))
    return listen(folder, address, "/", wire.OHTTP_REQUEST, Gateway(key, Caller(target, folder, address)).answer)


def main(folder: str, address: str, target: str) -> None:
    """Serve until standard input ends."""
    serve(server(Path(folder), address, target))
