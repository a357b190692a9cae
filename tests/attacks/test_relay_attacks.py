"""A relay that alters, replays or lies, a gateway with another key, and a key for one client alone (U3)."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from support.reporting import agree, crash, reporting
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.oblivious import (
    BinaryResponse,
    GatewayKey,
    encode_keys,
    encode_response,
    seal_request,
)
from rocketvpn_sdk.sandbox import Sandbox, server_keys
from rocketvpn_sdk.sandbox.certificates import load_ca, server_context
from rocketvpn_sdk.sandbox.gateway import KEY_ID, Gateway
from rocketvpn_sdk.sandbox.passing import Caller
from rocketvpn_sdk.wire import OBLIVIOUS_TARGET, ObliviousGateway

pytestmark = pytest.mark.clause("U3", "T1")

Answer = tuple[int, str, bytes]
OHTTP = "message/ohttp-res"
TAKEN = encode_response(BinaryResponse(status=200, headers=(("content-type", "application/json"),), body=b"{}"))


class Hostile:
    """A relay with a good certificate; ``behave`` decides what comes back."""

    def __init__(self, folder: Path) -> None:
        self.messages: list[bytes] = []
        self.behave: Callable[[bytes], Answer] = lambda _: (502, "text/plain", b"")
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                message = self.rfile.read(int(self.headers["content-length"]))
                hostile.messages.append(message)
                status, media, body = hostile.behave(message)
                self.send_response_only(status)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = server_context(load_ca(folder)).wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("relay") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def relay(sandbox: Sandbox) -> Iterator[Hostile]:
    hostile = Hostile(sandbox.folder)
    target = ObliviousGateway(relay=hostile.origin, keys=b64encode(encode_keys([key(sandbox).configuration])).decode())
    sandbox.publish_target(OBLIVIOUS_TARGET, msgspec.json.encode(target))
    yield hostile
    hostile.server.shutdown()
    hostile.server.server_close()


@pytest.fixture
def rocket(sandbox: Sandbox, relay: Hostile, tmp_path: Path) -> Iterator[RocketVPN]:
    """A user whose report waits to go."""
    with reporting(World(sandbox, tmp_path / "client")) as rocket:
        agree(rocket)
        crash(rocket, "dns")
        report = rocket.diagnostics.prepare()
        assert report is not None
        rocket.diagnostics.send(report)
        relay.messages.clear()
        yield rocket


def key(sandbox: Sandbox) -> GatewayKey:
    return GatewayKey(KEY_ID, server_keys.gateway_key(sandbox.folder))


def gateway(sandbox: Sandbox) -> Gateway:
    return Gateway(key(sandbox), Caller(sandbox.local_url, sandbox.folder, "127.0.0.1"))


def genuine(sandbox: Sandbox) -> Callable[[bytes], Answer]:
    opens = gateway(sandbox)
    return lambda message: tuple(opens.answer(message))  # type: ignore[return-value]  # the same three


def altered(answer: Answer) -> Answer:
    status, media, body = answer
    return status, media, body[:-1] + bytes([body[-1] ^ 1])


def sealed_for_itself(message: bytes) -> Answer:
    """An answer that says "taken", sealed with a key of the relay's own: it cannot know the right one."""
    own = GatewayKey(KEY_ID, bytes(range(32)))
    opened = own.open_request(seal_request(message, own.configuration).content)
    return 200, OHTTP, opened.seal_response(TAKEN)


LIES: dict[str, Callable[[bytes], Answer]] = {
    "garbage": lambda _: (200, OHTTP, b"\x00" * 100),
    "nothing": lambda _: (200, OHTTP, b""),
    "taken, unsealed": lambda _: (200, OHTTP, TAKEN),
    "taken, in JSON": lambda _: (200, "application/json", b"{}"),
    "a page": lambda _: (200, "text/html", b"<html>sign in</html>"),
    "sealed by the relay": sealed_for_itself,
    "too long": lambda _: (200, OHTTP, b"x" * (1 << 17)),
    "refused": lambda _: (403, "text/plain", b"no"),
    "redirect": lambda _: (302, "text/plain", b""),
    "away": lambda _: (503, "text/plain", b""),
    "slow down": lambda _: (429, "application/problem+json", b"{}"),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_of_the_relay_passes_for_the_operators_word(
    sandbox: Sandbox, relay: Hostile, rocket: RocketVPN, lie: str
) -> None:
    relay.behave = LIES[lie]
    rocket.sync()
    (item,) = rocket.queue.items()
    assert (item.operation, item.state) == ("diagnostics.send", "waiting")
    assert item.problem in {"server-error", "answer-too-large", "403", "rate-limited"}
    outcomes = {each.operation: each.outcome for each in rocket.rights.sent()}
    assert outcomes["diagnostics.send"].startswith("no answer: ")
    assert rocket.verify().blocks
    before = len(sandbox.reports)
    relay.behave = genuine(sandbox)
    put_ahead(rocket)
    assert rocket.status().waiting == 0
    assert len(sandbox.reports) == before + 1


def test_what_the_relay_alters_is_neither_opened_nor_taken(sandbox: Sandbox, relay: Hostile, rocket: RocketVPN) -> None:
    opens, before = genuine(sandbox), len(sandbox.reports)
    relay.behave = lambda message: opens(message[:-1] + bytes([message[-1] ^ 1]))
    rocket.sync()
    assert len(sandbox.reports) == before
    assert rocket.status().waiting == 1
    relay.behave = lambda message: altered(opens(message))  # the answer, this time: the operator has it, unheard
    put_ahead(rocket)
    assert rocket.status().waiting == 1
    relay.behave = opens
    put_ahead(rocket)
    assert rocket.status().waiting == 0
    assert len(sandbox.reports) == before + 1  # by its key it counts once


def test_a_replayed_message_is_refused_and_counts_once(sandbox: Sandbox, relay: Hostile, rocket: RocketVPN) -> None:
    before, answers = len(sandbox.reports), []
    opens = genuine(sandbox)

    def twice(message: bytes) -> Answer:
        answers.extend([opens(message), opens(message), genuine(sandbox)(message)])  # the last by a new process
        return answers[0]

    relay.behave = twice
    rocket.sync()
    assert [status for status, _, _ in answers] == [200, 400, 200]
    assert len(sandbox.reports) == before + 1
    assert rocket.status().waiting == 0


def test_a_message_that_is_held_back_until_it_was_erased_is_not_kept(
    sandbox: Sandbox, relay: Hostile, rocket: RocketVPN
) -> None:
    relay.behave = LIES["away"]
    rocket.sync()
    (held,) = relay.messages
    relay.behave = genuine(sandbox)
    put_ahead(rocket)
    report = sandbox.reports[-1]
    rocket.consent.withdraw("improvement")
    rocket.sync()
    assert rocket.status().waiting == 0
    assert genuine(sandbox)(held)[0] == 200
    assert report not in sandbox.reports


def test_each_try_is_another_message(sandbox: Sandbox, relay: Hostile, rocket: RocketVPN) -> None:
    relay.behave = LIES["away"]
    for _ in range(3):
        put_ahead(rocket)
    assert len(relay.messages) == 3
    assert len({message[7:39] for message in relay.messages}) == 3  # encapsulated keys
    assert len({len(message) for message in relay.messages}) == 1


def test_an_answer_to_another_message_is_none(sandbox: Sandbox, relay: Hostile, rocket: RocketVPN) -> None:
    opens, kept = genuine(sandbox), list[Answer]()

    def first_again(message: bytes) -> Answer:
        kept.append(opens(message))
        return altered(kept[0]) if len(kept) == 1 else kept[0]

    relay.behave = first_again
    rocket.sync()
    put_ahead(rocket)
    assert len(kept) == 2
    assert rocket.status().waiting == 1


def test_a_gateway_with_another_key_reads_nothing(sandbox: Sandbox, relay: Hostile, rocket: RocketVPN) -> None:
    other = Gateway(GatewayKey(KEY_ID, bytes(range(32))), Caller(sandbox.local_url, sandbox.folder, "127.0.0.1"))
    before = len(sandbox.reports)
    relay.behave = lambda message: tuple(other.answer(message))  # type: ignore[return-value]  # a pair, as asked for
    rocket.sync()
    assert len(sandbox.reports) == before
    assert [item.state for item in rocket.queue.items()] == ["waiting"]


def test_a_new_key_of_the_gateway_is_taken_from_the_signed_files(
    sandbox: Sandbox, relay: Hostile, rocket: RocketVPN
) -> None:
    new = GatewayKey(2, bytes(range(1, 33)))
    opens = Gateway(new, Caller(sandbox.local_url, sandbox.folder, "127.0.0.1"))
    relay.behave = lambda message: tuple(opens.answer(message))  # type: ignore[return-value]  # a pair, as asked for
    rocket.sync()
    assert rocket.status().waiting == 1
    published(sandbox, relay, new)
    put_ahead(rocket)  # refused once more, and the signed files fetched
    put_ahead(rocket)
    assert rocket.status().waiting == 0
    published(sandbox, relay, key(sandbox))


def test_a_key_for_one_client_alone_is_no_signed_file(
    sandbox: Sandbox, relay: Hostile, rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server hands one client a key of its own, by which the gateway could tell it: it is not what was signed."""
    own = ObliviousGateway(relay=relay.origin, keys=b64encode(encode_keys([_own.configuration])).decode())
    content = msgspec.json.encode(own)
    folder = sandbox.tuf_folder / "targets" / "oblivious"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for path in before:
        path.write_bytes(content)
    try:
        rocket.sync()
        assert relay.messages == []
        (item,) = rocket.queue.items()
        assert (item.state, item.problem) == ("waiting", "update-refused")
    finally:
        for path, genuine_content in before.items():
            path.write_bytes(genuine_content)


_own = GatewayKey(9, bytes(range(2, 34)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"relay": "http://localhost:1", "keys": "AAAA"}',
        b'{"relay": "https://localhost:1", "keys": "%%%%"}',
        b'{"relay": "https://localhost:1", "keys": "AAAA"}',
        b'{"relay": "https://localhost:1/path?x", "keys": "AAAA"}',
    ],
)
def test_a_signed_file_that_is_none_sends_nothing(
    sandbox: Sandbox, relay: Hostile, rocket: RocketVPN, content: bytes
) -> None:
    sandbox.publish_target(OBLIVIOUS_TARGET, content)
    try:
        rocket.sync()
        assert relay.messages == []
        assert [item.state for item in rocket.queue.items()] == ["waiting"]
    finally:
        published(sandbox, relay, key(sandbox))


def test_a_relay_that_the_policy_does_not_name_gets_nothing(
    sandbox: Sandbox, relay: Hostile, rocket: RocketVPN
) -> None:
    elsewhere = ObliviousGateway(
        relay=relay.origin.replace("localhost", "127.0.0.1"), keys=b64encode(encode_keys([_own.configuration])).decode()
    )
    sandbox.publish_target(OBLIVIOUS_TARGET, msgspec.json.encode(elsewhere))
    try:
        rocket.sync()
        assert relay.messages == []
        (item,) = rocket.queue.items()
        assert item.problem == "egress-blocked"
    finally:
        published(sandbox, relay, key(sandbox))


def test_a_relay_that_cannot_prove_its_name_gets_nothing(
    sandbox: Sandbox, relay: Hostile, rocket: RocketVPN, tmp_path: Path
) -> None:
    (tmp_path / "another").mkdir()
    stranger = Hostile(tmp_path / "another")  # its certificate is of another authority
    published(sandbox, stranger, key(sandbox))
    try:
        rocket.sync()
        assert stranger.messages == []
        (item,) = rocket.queue.items()
        assert (item.state, item.problem) == ("waiting", "certificate-untrusted")
    finally:
        stranger.server.shutdown()
        stranger.server.server_close()
        published(sandbox, relay, key(sandbox))


def test_a_relay_that_is_away_holds_up_nothing_else(sandbox: Sandbox, relay: Hostile, rocket: RocketVPN) -> None:
    rocket.device.bind(sandbox.order())
    away = ObliviousGateway(
        relay="https://localhost:9", keys=b64encode(encode_keys([key(sandbox).configuration])).decode()
    )
    sandbox.publish_target(OBLIVIOUS_TARGET, msgspec.json.encode(away))
    sandbox.faults.fail(9, status=503, retry_after=None)
    rocket.consent.grant(rocket.consent.notice("improvement"))
    sandbox.faults.clear()
    try:
        assert "consents.put" in [item.operation for item in rocket.queue.items()]
        put_ahead(rocket)
        (item,) = rocket.queue.items()
        assert (item.operation, item.problem) == ("diagnostics.send", "server-unreachable")
    finally:
        published(sandbox, relay, key(sandbox))


def test_the_gateway_calls_nobody_but_its_server(sandbox: Sandbox) -> None:
    from rocketvpn_sdk.oblivious import BinaryRequest, decode_response, encode_request

    opens, configuration = gateway(sandbox), key(sandbox).configuration
    netloc = sandbox.local_url.removeprefix("https://")
    for authority, path in (("elsewhere.example", "/v1/logs"), (netloc, "/v1/order"), (netloc, "/v1/logs/../order")):
        request = BinaryRequest(method="POST", authority=authority, path=path, body=b"{}")
        sealed = seal_request(encode_request(request), configuration)
        passed = opens.answer(sealed.content)
        assert decode_response(sealed.open_response(passed.body)).status == 404


def published(sandbox: Sandbox, relay: Hostile, gateway_key: GatewayKey) -> None:
    keys = b64encode(encode_keys([gateway_key.configuration])).decode()
    sandbox.publish_target(OBLIVIOUS_TARGET, msgspec.json.encode(ObliviousGateway(relay=relay.origin, keys=keys)))


def put_ahead(rocket: RocketVPN) -> None:
    """Let what waits be due now, whatever was asked for."""
    queue = rocket._components.queue
    queue.update(*(msgspec.structs.replace(item, due_at=0.0, not_before=0.0) for item in queue.items()))
    rocket.sync()
