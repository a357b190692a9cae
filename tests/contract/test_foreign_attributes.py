"""Canaries: what we touch of other packages, or of Python, though they do not promise to keep it.

Each test says what of ours breaks when that is gone; the last one holds that none is missing. Run with the oldest and
the newest versions of all dependencies.
"""

from __future__ import annotations

import _signal
import _ssl
import asyncio.base_events
import contextlib
import inspect
import io
import logging
import signal
import socket
import ssl
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import MethodType
from typing import Any

import httpcore
import httpx
import loguru
import msgspec
import pytest
import trustme
import truststore
import typer
import urllib3.util.connection
import uvicorn
from httpcore._backends.sync import SyncStream
from keyring.backends.SecretService import Keyring as SecretService
from keyring.backends.Windows import WinVaultKeyring
from support.canaries import CANARIES, canary
from support.foreign import touched
from tuf.api.exceptions import DownloadHTTPError, ExpiredMetadataError
from tuf.ngclient import FetcherInterface, Updater

from rocketvpn_sdk.sandbox.tuf_repository import Repository
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport import connections, failures
from rocketvpn_sdk.witness import hook

# ---------------------------------------------------------------- signals


@canary(("cli/interrupts.py", "_signal"), breaks="the command line does not start")
def test_signals_insides_have_what_signal_has() -> None:
    for name in ("SIGINT", "SIG_IGN", "default_int_handler", "getsignal", "set_wakeup_fd", "signal"):
        inner = getattr(_signal, name)
        assert inner is getattr(signal, name) or callable(inner) or inner == getattr(signal, name)


# ---------------------------------------------------------------- the keyring


@canary(("vault/secrets.py", "persist"), breaks="on Windows root keys are copied to the user's other machines")
def test_keyrings_windows_backend_says_how_far_an_entry_goes() -> None:
    assert "persist" in vars(WinVaultKeyring)
    assert not hasattr(SecretService, "persist")


# ---------------------------------------------------------------- TLS and connections


class Recorder:
    """A socket that notes what is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **_: Any) -> Any:
            self.calls.append((name, args[0] if args else None))
            return {"recv": b"read", "send": 1}.get(name)

        return call


@canary(
    ("transport/socket_backend.py", "httpcore._backends.sync.SyncStream"),
    breaks="connections cannot be made; or read and write without the deadline, and before the pins were checked",
)
def test_httpcores_stream_sets_a_timeout_before_every_send_and_recv_and_uses_nothing_else() -> None:
    sock = Recorder()
    stream = SyncStream(sock)
    assert stream.read(7, 1.5) == b"read"
    stream.write(b"ab", 2.5)
    stream.close()
    sent = [("settimeout", 2.5), ("send", b"ab"), ("settimeout", 2.5), ("send", b"b")]
    assert sock.calls == [("settimeout", 1.5), ("recv", 7), *sent, ("close", None)]
    assert stream.get_extra_info("socket") is sock
    assert list(inspect.signature(stream.start_tls).parameters) == ["ssl_context", "server_hostname", "timeout"]


@canary(
    ("transport/tls.py", "_ctx"),
    breaks="with the system's trust store, pins, deadline and the check for early answers are not applied",
)
def test_truststore_makes_its_connections_with_the_classes_of_a_plain_context() -> None:
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    inner = context._ctx
    assert type(inner) is ssl.SSLContext
    inner.sslobject_class = type("Object", (inner.sslobject_class,), {})
    wrapped = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="a.example")
    assert type(wrapped) is inner.sslobject_class

    class Socket(inner.sslsocket_class):
        def do_handshake(self, block: bool = False) -> None:
            raise ConnectionResetError("ours was asked")

    inner.sslsocket_class = Socket
    near, far = socket.socketpair()
    with near, far, pytest.raises(ConnectionResetError, match="ours was asked"):
        context.wrap_socket(near, server_hostname="a.example")


def handshaken(client: ssl.SSLObject, server: ssl.SSLObject, wires: list[ssl.MemoryBIO]) -> None:
    to_server, from_client, to_client, from_server = wires
    over = set()
    while len(over) < 2:
        for end in (client, server):
            try:
                end.do_handshake()
                over.add(end)
            except ssl.SSLWantReadError:
                pass
            to_server.write(from_client.read())
            to_client.write(from_server.read())


@canary(
    ("transport/pins.py", "_ssl"),
    ("transport/certificate_dates.py", "_sslobj"),
    ("transport/proven.py", "_ssl"),
    ("transport/proven.py", "_sslobj"),
    ("transport/proven.py", "_SSLContext"),
    ("transport/proven.py", "_SSLSocket"),
    ("transport/proven.py", "_host_flags"),
    ("transport/proven.py", "_create"),
    ("transport/tls.py", "_sslobj"),
    breaks="no connection is proven, so no call works; a wrong clock is not told from a certificate that ran out",
)
def test_openssls_side_of_a_connection_is_there_and_cannot_be_replaced(ca: trustme.CA) -> None:
    server_context, client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    leaf = ca.issue_cert("a.example")
    leaf.configure_cert(server_context)
    ca.configure_trust(client_context)
    wires = [ssl.MemoryBIO() for _ in range(4)]
    server = server_context.wrap_bio(wires[0], wires[3], server_side=True)
    client = client_context.wrap_bio(wires[2], wires[1], server_hostname="a.example")
    inner = client._sslobj
    assert inner.version() is None
    handshaken(client, server, wires)
    assert type(inner) is _ssl._SSLSocket
    assert (inner.context, inner.server_hostname) == (client_context, "a.example")
    wanted = [ssl.PEM_cert_to_DER_cert(pem.bytes().decode()) for pem in (leaf.cert_chain_pems[0], ca.cert_pem)]
    assert inner.getpeercert(True) == wanted[0]
    assert [each.public_bytes(_ssl.ENCODING_DER) for each in inner.get_verified_chain()] == wanted
    assert inner.get_unverified_chain()[0].public_bytes(_ssl.ENCODING_DER) == wanted[0]
    assert type.__subclasses__(_ssl._SSLContext) == [ssl.SSLContext]
    assert isinstance(ssl.SSLSocket._create, MethodType)
    assert isinstance(ssl.SSLObject._create, MethodType)
    assert {"_wrap_socket", "_wrap_bio", "verify_flags", "keylog_filename"} <= vars(_ssl._SSLContext).keys()
    for kind, name in ((_ssl._SSLContext, "_host_flags"), (_ssl._SSLSocket, "getpeercert")):
        with pytest.raises(TypeError, match="immutable"):
            setattr(kind, name, None)


@canary(
    ("transport/leftovers.py", "_stream"),
    ("transport/leftovers.py", "_connection"),
    ("transport/leftovers.py", "_h11_state"),
    breaks="no connection is used twice: what came behind an answer cannot be seen",
)
def test_the_parser_of_an_answer_tells_what_came_behind_it() -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore"
    with httpcore.ConnectionPool(network_backend=httpcore.MockBackend([said])) as pool:
        answer = pool.handle_request(httpcore.Request("GET", "http://a.example/", headers={"Host": "a.example"}))
        assert b"".join(answer.iter_stream()) == b"ok"
        assert answer.stream._stream._connection._h11_state.trailing_data[0] == b"more"


def failure(
    pool: type[httpcore.ConnectionPool], kind: type[Exception], answer: list[bytes], url: str, **given: Any
) -> str:
    with pool(network_backend=httpcore.MockBackend(answer), **given) as opened, pytest.raises(kind) as raised:
        opened.request("GET", url)
    return str(raised.value)


@canary(
    ("transport/connections.py", "_CUT"),
    public=True,
    breaks="a connection that was cut is blamed on the server, as an answer that is not HTTP, and not tried again",
)
@pytest.mark.parametrize("answer", [[], [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]])
def test_the_words_for_a_connection_that_was_cut(answer: list[bytes]) -> None:
    said = failure(httpcore.ConnectionPool, httpcore.RemoteProtocolError, answer, "http://a.example/")
    assert said.startswith(connections._CUT)


@canary(
    ("transport/failures.py", "_PROXY_WANTS_NAME"),
    public=True,
    breaks="nobody is told that the proxy wants a name and a password",
)
def test_the_error_of_a_proxy_begins_with_its_status() -> None:
    answer = [b"HTTP/1.1 407 Who are you\r\n\r\n"]
    proxy = {"proxy_url": "http://proxy.example:1"}
    assert failure(httpcore.HTTPProxy, httpcore.ProxyError, answer, "https://a.example/", **proxy).startswith("407 ")


@canary(
    ("transport/failures.py", "_NO_TLS"),
    public=True,
    breaks="nobody is told that a network's sign-in page may have answered",
)
def test_openssls_word_for_an_answer_without_tls() -> None:
    incoming = ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="a.example")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    incoming.write(b"HTTP/1.1 302 Found\r\n\r\n")
    with pytest.raises(ssl.SSLError) as raised:
        client.do_handshake()
    assert raised.value.reason in failures._NO_TLS


@canary(
    ("transport/pool_transport.py", "_errors_of_httpx"),
    public=True,
    breaks="an error of a connection is an AttributeError, and its cause is lost",
)
def test_httpx_has_each_error_of_httpcore() -> None:
    raised = {
        name: kind
        for name, kind in vars(httpcore).items()
        if isinstance(kind, type) and issubclass(kind, Exception) and name != "ConnectionNotAvailable"  # kept inside
    }
    assert len(raised) >= 14
    assert all(issubclass(getattr(httpx, name), httpx.TransportError) for name in raised)


# ---------------------------------------------------------------- signed files


@canary(
    ("signed_files/workflow.py", "_trusted_set"),
    ("signed_files/workflow.py", "reference_time"),
    ("signed_files/workflow.py", "_fetch"),
    breaks="signed files expire by a clock that the user can turn back, or cannot be fetched at all",
)
def test_tufs_client_goes_by_the_time_it_is_given_and_fetches_with_download_file(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", FakeClock(datetime(2027, 3, 1, tzinfo=UTC).timestamp()))
    asked = []

    class Fetcher(FetcherInterface):
        def download_file(self, url: str, max_length: int) -> Any:
            asked.append(url)
            found = repository.read("metadata", url.rpartition("/")[2])
            assert found or "root" in url
            if found is None:
                raise DownloadHTTPError("none", 404)
            return contextlib.nullcontext(io.BytesIO(found))

        def _fetch(self, url: str) -> Any:
            raise AssertionError("only download_file is called")

    def client(name: str, now: datetime) -> Updater:
        folder = tmp_path / name
        folder.mkdir()
        root = repository.trusted_root.read_bytes()
        made = Updater(str(folder), "metadata/", target_base_url="targets/", fetcher=Fetcher(), bootstrap=root)
        assert isinstance(made._trusted_set.reference_time, datetime)
        made._trusted_set.reference_time = now
        return made

    fresh = client("in time", datetime(2027, 3, 1, 12, tzinfo=UTC))
    fresh.refresh()
    assert dict(fresh._trusted_set.targets.targets) == {}
    assert asked[-1].endswith("targets.json")
    with pytest.raises(ExpiredMetadataError):
        client("too late", datetime(2027, 3, 3, tzinfo=UTC)).refresh()


@canary(
    ("signed_files/workflow.py", "_load_local_metadata"),
    ("signed_files/workflow.py", "_persist_metadata"),
    breaks="a delegated role's name becomes the name of a file, and what look-ups fetched is not kept",
)
def test_tufs_client_reads_and_writes_metadata_by_two_methods(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", FakeClock())
    kept: dict[str, bytes] = {}

    class Remembering(Updater):
        def _load_local_metadata(self, rolename: str) -> bytes:
            if rolename not in kept:
                raise FileNotFoundError
            return kept[rolename]

        def _persist_metadata(self, rolename: str, data: bytes) -> None:
            kept[rolename] = data

    class Fetcher(FetcherInterface):
        def _fetch(self, url: str) -> Any:
            found = repository.read("metadata", url.rpartition("/")[2])
            if found is None:
                raise DownloadHTTPError("none", 404)
            return iter([found])

    folder = tmp_path / "client"
    folder.mkdir()
    root = repository.trusted_root.read_bytes()
    made = Remembering(str(folder), "metadata/", target_base_url="targets/", fetcher=Fetcher(), bootstrap=root)
    made._trusted_set.reference_time = datetime.fromtimestamp(FakeClock().time(), UTC)
    made.refresh()
    assert kept.keys() == {"timestamp", "snapshot", "targets"}
    assert not [path for path in folder.iterdir() if path.stem in kept]


# ---------------------------------------------------------------- the rest


@canary(("rights/archive.py", "fp"), breaks="an export that failed for want of room writes once more, and raises again")
def test_a_zip_without_its_file_writes_nothing_when_it_is_closed() -> None:
    file = io.BytesIO()
    made = zipfile.ZipFile(file, "w")
    made.writestr("member", b"content")
    written = file.getvalue()
    made.fp = None
    made.close()
    assert file.getvalue() == written


@canary(
    ("sandbox/listener.py", "uvicorn.Server"),
    public=True,
    breaks="the sandbox does not say when it is ready, or waits a tenth of a second and more when it stops",
)
def test_uvicorn_calls_what_the_listener_overrides() -> None:
    source = inspect.getsource(uvicorn.Server)
    assert all(f"self.{name}(" in source for name in ("startup", "main_loop", "shutdown", "on_tick"))
    server = uvicorn.Server(uvicorn.Config(lambda: None))
    assert (server.should_exit, server.server_state.connections, server.server_state.tasks) == (False, set(), set())
    assert "self.servers" in inspect.getsource(uvicorn.Server.startup)
    from uvicorn.protocols.http.h11_impl import H11Protocol

    assert callable(H11Protocol.shutdown)
    assert "self.transport" in inspect.getsource(H11Protocol.connection_made)


@canary(
    ("witness/hook.py", "create_connection"),
    public=True,
    breaks="the witness shows addresses where an app gave names",
)
def test_libraries_connect_by_a_function_whose_parameters_are_known() -> None:
    for module, given in (
        (asyncio.base_events.BaseEventLoop, {"host", "port"}),
        (socket, {"address"}),
        (urllib3.util.connection, {"address"}),
    ):
        assert given <= set(inspect.signature(module.create_connection).parameters)
        assert module.create_connection.__module__ in hook._NAMED_BY


@canary(
    ("cli/app.py", "format_message"),
    ("cli/app.py", "ctx"),
    ("cli/app.py", "option_name"),
    public=True,
    breaks="whoever mistypes an option sees a traceback and the exit code 1",
)
def test_typers_usage_errors_say_what_was_wrong_and_where() -> None:
    app = typer.Typer()
    app.command()(lambda: None)
    with pytest.raises(Exception, match="--wrong") as raised:
        app(["--wrong"], standalone_mode=False)
    assert "--wrong" in raised.value.format_message()
    assert raised.value.option_name == "--wrong"
    assert raised.value.ctx.get_usage().startswith("Usage:")


@canary(
    ("cli/options.py", "get_parameter_source"),
    ("cli/options.py", "__signature__"),
    public=True,
    breaks="shared options are missing, or those before a group's command are ignored without a word",
)
def test_typer_reads_a_signature_that_was_set_and_knows_where_a_value_came_from() -> None:
    came: list[str] = []

    def command(**given: Any) -> None:
        context = given.pop("context")
        came.extend(context.get_parameter_source(name).name for name in given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    command.__signature__ = inspect.Signature(
        [
            inspect.Parameter("one", keyword, annotation=int, default=1),
            inspect.Parameter("two", keyword, annotation=int, default=2),
            inspect.Parameter("context", keyword, annotation=typer.Context),
        ]
    )
    app = typer.Typer()
    app.command()(command)
    app(["--one", "5"], standalone_mode=False)
    assert came == ["COMMANDLINE", "DEFAULT"]


@canary(("cli/options.py", "__doc__"), breaks="commands have no help")
def test_typer_takes_the_docstring_that_a_function_was_given() -> None:
    def command() -> None:
        return

    command.__doc__ = "What it does."
    app = typer.Typer()
    app.command()(command)
    assert typer.main.get_command(app).help == "What it does."


@canary(
    ("cli/streams.py", "stdin"),
    ("cli/streams.py", "stdout"),
    ("cli/streams.py", "stderr"),
    breaks="where a standard stream is closed, the command line ends with a traceback",
)
def test_python_has_no_stream_where_one_is_closed_and_takes_another() -> None:
    code = "import sys; gone = sys.stdout; sys.stdout = sys.stderr; print(gone)"
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" >&-', sys.executable, code], capture_output=True, timeout=60, check=False
    )
    assert done.stderr == b"None\n"


@canary(
    ("sandbox/tunnels.py", "ValueError"),
    public=True,
    breaks="JSON from outside that is malformed raises what nobody catches, in the SDK as in the sandbox",
)
def test_an_error_of_msgspec_is_a_value_error() -> None:
    assert issubclass(msgspec.DecodeError, ValueError)
    assert issubclass(msgspec.ValidationError, ValueError)


# ---------------------------------------------------------------- logging


@canary(
    ("journal/lines/caller.py", "_getframe"),
    breaks="the text of no log line is found in the code, so each is scrubbed; loguru's values are in its text then",
)
def test_loguru_has_text_and_values_apart_while_it_calls_a_handler() -> None:
    found: list[dict[str, Any]] = []

    class Looking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            frame = sys._getframe()
            while frame.f_back is not None and frame.f_code.co_name != "_log":
                frame = frame.f_back
            found.append({**frame.f_locals, "module": frame.f_globals["__name__"], "extra": hasattr(record, "extra")})

    number = loguru.logger.add(Looking(), format="{message}")
    loguru.logger.info("from {} with {name}", 5, name="x")
    loguru.logger.remove(number)
    (local,) = found
    assert (local["message"], local["args"], local["kwargs"]) == ("from {} with {name}", (5,), {"name": "x"})
    assert (local["module"], local["extra"]) == ("loguru._logger", True)


# ---------------------------------------------------------------- that none is missing


def test_everything_that_is_touched_has_a_canary_and_no_canary_is_left_over() -> None:
    assert touched() == CANARIES
