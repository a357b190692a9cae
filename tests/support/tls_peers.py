"""TLS servers of our own, good and bad, that count what reaches them."""

from __future__ import annotations

import datetime
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rocketvpn_sdk.transport import spki_pin

Serve = Callable[[ssl.SSLSocket, threading.Event], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def pin_of(pem: bytes) -> str:
    return spki_pin(ssl.PEM_cert_to_DER_cert(pem.decode()))


def answer(content: bytes) -> Serve:
    """Return a server that reads one request and writes ``content``, whatever it is."""

    def serve(connection: ssl.SSLSocket, done: threading.Event) -> None:
        connection.sendall(content)

    return serve


class Peer:
    """A listening TLS server; ``received`` holds every application byte that reached it."""

    def __init__(self, context: ssl.SSLContext, serve: Serve) -> None:
        self._context, self._serve = context, serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self._done = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []
        self.received = bytearray()
        self.connections = 0
        self.handshakes: list[str] = []
        self.resumed: list[bool] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while not self._done.is_set():
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._handle, args=(raw,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _handle(self, raw: socket.socket) -> None:
        raw.settimeout(60)
        with raw, raw.dup() as line, suppress(OSError):
            self._lines.append(line)
            try:
                connection = self._context.wrap_socket(raw, server_side=True)
            except OSError as error:
                self.handshakes.append(type(error).__name__)
                return
            self.handshakes.append("ok")
            self.resumed.append(bool(connection.session_reused))
            with connection:
                while not self._done.is_set():
                    data = connection.recv(65536)
                    if not data:
                        return
                    self.received += data
                    if b"\r\n\r\n" in self.received:
                        self._serve(connection, self._done)

    def close(self) -> None:
        self._done.set()
        # shutdown() wakes the accept() that close() alone would leave waiting
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(60)
        _hang_up(self._lines)
        for thread in self._threads:
            thread.join(60)


def _hang_up(lines: list[socket.socket]) -> None:
    """End every connection: whoever still reads from one would do so until its time-out."""
    for line in lines:
        with suppress(OSError):  # it was closed already
            line.shutdown(socket.SHUT_RDWR)


_answer_ok = answer(OK)

Talk = Callable[[socket.socket], None]


class PlainPeer:
    """A listening peer without TLS: a portal, a proxy, a port that something else has."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        self.heard: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                raw.settimeout(60)
                thread = threading.Thread(target=self._serve, args=(raw,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, raw: socket.socket) -> None:
        with raw, raw.dup() as line, suppress(OSError):
            self._lines.append(line)
            self.heard.append(raw.recv(65536))
            self._talk(raw)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(60)
        _hang_up(self._lines)
        for thread in self._threads:
            thread.join(60)


@contextmanager
def plain_peer(talk: Talk) -> Iterator[PlainPeer]:
    peer = PlainPeer(talk)
    try:
        yield peer
    finally:
        peer.close()


def saying(content: bytes) -> Talk:
    """Return a peer that says ``content`` to whatever it hears."""
    return lambda raw: raw.sendall(content)


def resetting(raw: socket.socket) -> None:
    """End a connection as a firewall does: with a reset."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def tunnelling(to: str) -> Talk:
    """Return an HTTP proxy that connects everybody to ``to``."""

    def talk(raw: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", int(to.rpartition(":")[2]))) as there:
            raw.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(there, raw), daemon=True)
            back.start()
            _pump(raw, there)
            back.join(60)

    return talk


def tunnelling_inside(to: str) -> Serve:
    """Return the same for a proxy that is spoken to over TLS."""

    def serve(connection: ssl.SSLSocket, done: threading.Event) -> None:
        with socket.create_connection(("127.0.0.1", int(to.rpartition(":")[2]))) as there:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            while True:  # by one thread: OpenSSL does not let two use a connection at once
                ready = [connection] if connection.pending() else select.select([connection, there], [], [], 60)[0]
                for source, target in ((connection, there), (there, connection)):
                    if source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        target.sendall(data)

    return serve


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def tls_peer(
    configure: Callable[[ssl.SSLContext], None],
    *,
    serve: Serve = _answer_ok,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> Iterator[Peer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    configure(context)
    peer = Peer(context, serve)
    try:
        yield peer
    finally:
        peer.close()


def self_signed(folder: Path, host: str = "localhost") -> Callable[[ssl.SSLContext], None]:
    """Return what configures a server with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return lambda context: context.load_cert_chain(path)


def issued(ca: trustme.CA, *hosts: str, **more: object) -> Callable[[ssl.SSLContext], None]:
    """Return what configures a server with a certificate of ``ca``."""
    return ca.issue_cert(*(hosts or ("localhost",)), **more).configure_cert  # type: ignore[arg-type] # given by name
