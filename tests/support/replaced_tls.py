"""What other libraries do to Python's TLS, and then calls: ``python -m support.replaced_tls PATCH WHEN CALLS``.

``WHEN`` is ``first`` or ``last``: before or after the SDK is imported. ``CALLS`` is a JSON array of objects:
``server``, ``trust`` and ``pins`` of the configuration, ``system`` for a file in the place of the system's trust store,
``more`` for a file of authorities that a patch makes everybody trust.
Prints a JSON array: for each call ``answered``, or the error's code and cause.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

python: Any = ssl
"""The module, for what no type checker would let through."""


def injected() -> None:
    """Pip-system-certs does this too."""
    import_module("truststore").inject_into_ssl()


def green() -> None:
    import_module("eventlet").monkey_patch()


def gevent() -> None:
    import_module("gevent.monkey").patch_all()


def lax_class() -> None:
    """A context that verifies nothing, whatever it is told."""

    class Lax(ssl.SSLContext):
        def wrap_socket(self, sock: socket.socket, *_: Any, **given: Any) -> ssl.SSLSocket:
            return wrapped_laxly(sock, given.get("server_hostname"))

    python.SSLContext = Lax


_wrap = ssl.SSLContext.wrap_socket


def wrapped_laxly(sock: socket.socket, host: str | None) -> ssl.SSLSocket:
    context = ssl._create_unverified_context()
    return _wrap(context, sock, server_hostname=host)


def lax_method() -> None:
    python.SSLContext.wrap_socket = lambda self, sock, *_, **given: wrapped_laxly(sock, given.get("server_hostname"))


def lax_mode() -> None:
    """What is verified cannot be set any more, and says what everybody wants to hear."""
    lower: Any = ssl.SSLContext.__base__

    def new(cls: type, *given: Any, **named: Any) -> Any:
        context = _new(cls, *given, **named)
        lower.check_hostname.__set__(context, False)
        lower.verify_mode.__set__(context, ssl.CERT_NONE)
        return context

    _new = ssl.SSLContext.__new__
    python.SSLContext.__new__ = new
    python.SSLContext.verify_mode = property(lambda self: ssl.CERT_REQUIRED, lambda self, value: None)


def no_handshake() -> None:
    """Everything goes as it is."""
    python.SSLSocket.do_handshake = lambda self, block=False: None
    python.SSLSocket.send = lambda self, data, flags=0: socket.socket.send(self, data)


def no_tls() -> None:
    python.SSLContext.wrap_socket = lambda self, sock, *_, **given: sock


def other_socket_class() -> None:
    """Our own checks are hung on a class that the context makes: another one takes its place."""
    given = ssl.SSLContext.sslsocket_class
    python.SSLContext.sslsocket_class = property(lambda self: given, lambda self, value: None)


def create_connection() -> None:
    """The usual way to connect, which not everybody takes."""

    def nowhere(*_: Any, **__: Any) -> Any:
        raise AssertionError("somebody connected by the usual way")

    socket.create_connection = nowhere


def plain_send() -> None:
    """What is sent goes out as it is, after a handshake like any other."""
    python.SSLSocket.send = lambda self, data, flags=0: socket.socket.send(self, data, flags)
    python.SSLObject.write = lambda self, data: len(data)


def more_authorities() -> None:
    """Whatever somebody trusts, one more is trusted too: by whom a context is made, filled or used."""
    new, load, wrap = ssl.SSLContext.__new__, ssl.SSLContext.load_verify_locations, ssl.SSLContext.wrap_socket

    def widened(context: Any) -> Any:
        if file := os.environ.get("ROCKETVPN_TEST_MORE"):
            load(context, cafile=file)
        return context

    python.SSLContext.__new__ = lambda cls, *given, **named: widened(new(cls, *given, **named))
    python.SSLContext.__init__ = lambda self, *_, **__: widened(self) and None
    python.SSLContext.load_verify_locations = lambda self, *given, **named: load(widened(self), *given, **named)
    python.SSLContext.wrap_socket = lambda self, *given, **named: wrap(widened(self), *given, **named)


def more_authorities_below() -> None:
    """The same, where nothing of ours is asked: at the handshake, by what cannot be replaced."""
    lower: Any = ssl.SSLContext.__base__
    handshake = ssl.SSLSocket.do_handshake

    def widened(self: ssl.SSLSocket, block: bool = False) -> None:
        if file := os.environ.get("ROCKETVPN_TEST_MORE"):
            lower.load_verify_locations(self.context, cafile=file)
        handshake(self, block)

    python.SSLSocket.do_handshake = widened


def lax_for_a_moment() -> None:
    """Nothing is verified while a connection is made; before and after, all looks as it should."""
    lower: Any = ssl.SSLContext.__base__
    create: Any = python.SSLSocket._create.__func__

    def lax(cls: type, sock: socket.socket, *given: Any, context: Any, **named: Any) -> Any:
        lower.check_hostname.__set__(context, False)
        lower.verify_mode.__set__(context, ssl.CERT_NONE)
        try:
            made = create(cls, sock, *given, context=context, **(named | {"do_handshake_on_connect": False}))
        finally:
            lower.verify_mode.__set__(context, ssl.CERT_REQUIRED)
            lower.check_hostname.__set__(context, True)
        made.do_handshake()
        return made

    python.SSLSocket._create = classmethod(lax)


def lax_below() -> None:
    """The same, and past everything that could have looked."""
    lower: Any = ssl.SSLContext.__base__

    def anew(self: Any, block: bool = False) -> None:
        lower.check_hostname.__set__(self.context, False)
        lower.verify_mode.__set__(self.context, ssl.CERT_NONE)
        try:
            self._sslobj = lower._wrap_socket(self.context, self, False, self.server_hostname, owner=self)
        finally:
            lower.verify_mode.__set__(self.context, ssl.CERT_REQUIRED)
            lower.check_hostname.__set__(self.context, True)
        self._sslobj.do_handshake()

    python.SSLSocket.do_handshake = anew


def secrets_written() -> None:
    """The secrets of every connection are written to a file, as SSLKEYLOGFILE would."""
    wrap = ssl.SSLContext.wrap_socket

    def logged(self: ssl.SSLContext, *given: Any, **named: Any) -> ssl.SSLSocket:
        self.keylog_filename = os.devnull
        return wrap(self, *given, **named)

    python.SSLContext.wrap_socket = logged


PATCHES = {
    each.__name__: each
    for each in (
        injected, green, gevent, lax_class, lax_method, lax_mode, no_handshake, no_tls, other_socket_class,
        create_connection, plain_send, more_authorities, more_authorities_below, lax_for_a_moment, lax_below,
        secrets_written,
    )
}  # fmt: skip


def ask(given: dict[str, Any]) -> str:
    from rocketvpn_sdk import Config, RocketVPN
    from rocketvpn_sdk.errors import RocketVPNError
    from rocketvpn_sdk.policy import bundled_policy
    from rocketvpn_sdk.testing import MemorySecrets

    os.environ["SSL_CERT_FILE"] = given.get("system", "/nowhere")
    os.environ["ROCKETVPN_TEST_MORE"] = given.get("more", "")
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            given["server"],
            "org.example.vpn",
            data_dir=Path(folder) / "vault",
            secrets=MemorySecrets(),
            trust=Path(given["trust"]) if "trust" in given else None,
            pins=given.get("pins", ()),
            policy=bundled_policy().with_hosts("operator", ("localhost",)),
        )
        with RocketVPN.open(config) as rocket:
            try:
                rocket.ask_server()
            except RocketVPNError as error:
                return f"{error.code} {error.cause}"
            return "answered"


if __name__ == "__main__":
    patch, when, calls = sys.argv[1:]
    if when == "last":
        import rocketvpn_sdk.transport  # noqa: F401 - that is what comes first here
    PATCHES[patch]()
    sys.stdout.write(json.dumps([ask(call) for call in json.loads(calls)]))
