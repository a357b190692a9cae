from __future__ import annotations

import _ssl
import base64
import hashlib
import ssl
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.transport import parse_pins, spki_pin, tls_context
from rocketvpn_sdk.transport.pins import PinnedKeyMissing, check_pins
from rocketvpn_sdk.transport.proven import Unproven, require_proven

ONE = "sha256/" + base64.b64encode(b"1" * 32).decode()
TWO = "sha256/" + base64.b64encode(b"2" * 32).decode()


@pytest.mark.clause("T1")
def test_two_pins_or_none() -> None:
    assert parse_pins(()) == frozenset()
    assert parse_pins([ONE, TWO]) == {ONE, TWO}


@pytest.mark.clause("T1")
@pytest.mark.parametrize("pins", [[ONE], [ONE, ONE]])
def test_one_pin_alone_is_a_trap(pins: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="at least two"):
        parse_pins(pins)


@pytest.mark.parametrize(
    "pin", ["", "sha256/", "sha1/" + "A" * 28, ONE[7:], "sha256/AAAA", ONE + "x", "sha256/" + "?" * 44, 5, None, b"x"]
)
def test_a_malformed_pin_is_a_configuration_error(pin: Any) -> None:
    with pytest.raises(ConfigurationError):
        parse_pins([pin, TWO])


def test_one_text_is_no_sequence_of_pins() -> None:
    with pytest.raises(ConfigurationError, match="sequence"):
        parse_pins(ONE)


def test_a_pin_is_the_hash_of_the_public_key() -> None:
    pem = trustme.CA().issue_cert("localhost").cert_chain_pems[0].bytes()
    spki = (
        x509.load_pem_x509_certificate(pem).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    expected = "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()
    assert spki_pin(ssl.PEM_cert_to_DER_cert(pem.decode())) == expected


def test_what_is_no_certificate_has_no_pin() -> None:
    with pytest.raises(ValueError, match=r".+"):
        spki_pin(b"nothing")


def test_a_key_of_an_unknown_kind_has_no_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(data: bytes) -> None:
        raise UnsupportedAlgorithm("a key from the future")

    monkeypatch.setattr(x509, "load_der_x509_certificate", unsupported)
    with pytest.raises(ValueError, match="future"):
        spki_pin(b"")


class Certificate:
    """As OpenSSL's side of a connection gives them."""

    def __init__(self, der: bytes) -> None:
        self.der = der

    def public_bytes(self, form: int) -> bytes:
        assert form == _ssl.ENCODING_DER
        return self.der


class Peer:
    """OpenSSL's side of a connection."""

    def __init__(self, chain: list[bytes], leaf: bytes | None = None) -> None:
        self.chain, self.leaf = chain, leaf

    def get_verified_chain(self) -> list[Certificate]:
        return [Certificate(der) for der in self.chain]

    def getpeercert(self, binary_form: bool = False) -> bytes | None:
        return self.leaf


@pytest.fixture
def chain() -> list[bytes]:
    ca = trustme.CA()
    pems = [ca.issue_cert("localhost").cert_chain_pems[0].bytes(), ca.cert_pem.bytes()]
    return [ssl.PEM_cert_to_DER_cert(pem.decode()) for pem in pems]


def test_any_certificate_of_the_verified_chain_matches(chain: list[bytes]) -> None:
    for certificate in chain:
        check_pins(Peer(chain), {spki_pin(certificate)})


def test_no_pins_check_nothing() -> None:
    check_pins(Peer([]), frozenset())


@pytest.mark.clause("T1")
def test_an_empty_chain_or_unreadable_certificates_match_nothing(chain: list[bytes]) -> None:
    for presented in ([], [b"garbage"]):
        with pytest.raises(PinnedKeyMissing):
            check_pins(Peer(presented), {ONE})
    check_pins(Peer([b"garbage", *chain]), {spki_pin(chain[0])})


def test_where_the_system_verifies_only_the_leaf_counts(chain: list[bytes]) -> None:
    check_pins(Peer(chain, chain[0]), {spki_pin(chain[0])}, leaf_only=True)
    for peer in (Peer(chain, chain[0]), Peer(chain, None)):
        with pytest.raises(PinnedKeyMissing):
            check_pins(peer, {spki_pin(chain[1])}, leaf_only=True)


# ---------------------------------------------------------------- the context


def inner(context: Any) -> ssl.SSLContext:
    return getattr(context, "_ctx", context)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


@pytest.mark.clause("T1")
@pytest.mark.parametrize("own_ca", [True, False])
def test_the_context_verifies_chain_and_host_over_tls_1_3(ca_file: Path, own_ca: bool) -> None:
    context = inner(tls_context(trust=ca_file if own_ca else None))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_tls_1_2_has_to_be_asked_for(ca_file: Path) -> None:
    assert tls_context(trust=ca_file, allow_tls12=True).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.clause("T1")
@pytest.mark.parametrize("own_ca", [True, False])
def test_session_secrets_are_never_written_down(
    ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_ca: bool
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    assert inner(tls_context(trust=ca_file if own_ca else None)).keylog_filename is None


@pytest.mark.parametrize(
    "content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_ca_file_that_cannot_be_used_is_a_configuration_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="CA file"):
        tls_context(trust=path)


def test_wrong_pins_fail_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least two"):
        tls_context(trust=tmp_path / "absent.pem", pins=[ONE])


def handshake(client: ssl.SSLObject, server: ssl.SSLObject, pipes: tuple[ssl.MemoryBIO, ...]) -> None:
    """Run both ends in memory, as TLS inside a proxy's TLS does."""
    to_client, from_client, to_server, from_server = pipes
    for _ in range(4):
        for end in (client, server):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
            to_server.write(from_client.read())
            to_client.write(from_server.read())


@pytest.mark.clause("T1")
@pytest.mark.parametrize("own_ca", [True, False])
def test_pins_hold_for_tls_inside_tls(tmp_path: Path, own_ca: bool) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(server_context)
    right = [spki_pin(ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())), ONE]
    for pins, passes in ((right, True), ([ONE, TWO], False)):
        context = tls_context(trust=tmp_path / "ca.pem" if own_ca else None, pins=pins)
        context.load_verify_locations(cafile=tmp_path / "ca.pem")
        pipes = tuple(ssl.MemoryBIO() for _ in range(4))
        client = context.wrap_bio(pipes[0], pipes[1], server_hostname="localhost")
        server = server_context.wrap_bio(pipes[2], pipes[3], server_side=True)
        if passes:
            handshake(client, server, pipes)
            assert client.version() == "TLSv1.3"
        else:
            with pytest.raises(PinnedKeyMissing):
                handshake(client, server, pipes)


@pytest.mark.clause("T1")
def test_attack_a_connection_that_was_not_checked_or_is_another_one_or_anothers(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(server_context)
    context = tls_context(trust=tmp_path / "ca.pem")
    made: list[Any] = []
    for _ in range(2):
        pipes = tuple(ssl.MemoryBIO() for _ in range(4))
        made.append(context.wrap_bio(pipes[0], pipes[1], server_hostname="localhost"))
        handshake(made[-1], server_context.wrap_bio(pipes[2], pipes[3], server_side=True), pipes)
    client, other = made
    require_proven(client, "localhost")
    with pytest.raises(Unproven, match="another host"):
        require_proven(client, "elsewhere.example")
    for checked in (None, other.proven, True):
        client.proven = checked
        with pytest.raises(Unproven, match="not checked"):
            require_proven(client, "localhost")


@pytest.mark.clause("T1")
@pytest.mark.parametrize("end", [object(), SimpleNamespace(_sslobj=None), SimpleNamespace(_sslobj=object())])
def test_attack_what_carries_the_request_is_no_connection_of_pythons_own_tls(end: object) -> None:
    with pytest.raises(Unproven, match="not a connection of Python's own TLS"):
        require_proven(end, "localhost")
