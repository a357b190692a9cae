from __future__ import annotations

import base64
import copy
import errno
import hashlib
import hmac
import pickle
import re
from datetime import date

import machineid
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from rocketvpn_sdk.errors import VaultDamaged, VaultReadOnly
from rocketvpn_sdk.identity import Binding, Credentials, DeviceKey, device_id, read_machine_id, usable_machine_id

MACHINE = "4c4c4544003957108052b4c04f384833"
PARTS = {"app_id": "org.example.vpn", "os_user": "uid:1000", "order_number": "RV-2026-0001"}


@pytest.mark.clause("C1")
def test_the_device_id_is_the_one_that_the_design_writes_down() -> None:
    order = hashlib.sha256(b"RV-2026-0001").digest()
    parts = [b"rocketvpn/device/v1", b"org.example.vpn", b"uid:1000", order]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    expected = base64.b32encode(hmac.digest(MACHINE.encode(), message, "sha256")).decode().rstrip("=")
    assert device_id(MACHINE, **PARTS) == expected
    assert re.fullmatch("[A-Z2-7]{52}", expected)


@pytest.mark.clause("C1")
@pytest.mark.parametrize("name", PARTS)
def test_another_app_user_or_order_gets_another_device_id(name: str) -> None:
    assert device_id(MACHINE, **PARTS) != device_id(MACHINE, **{**PARTS, name: PARTS[name] + "x"})


def test_parts_cannot_be_shifted_into_one_another() -> None:
    one = device_id(MACHINE, app_id="ab", os_user="c", order_number="X")
    assert one != device_id(MACHINE, app_id="a", os_user="bc", order_number="X")


@pytest.mark.parametrize(
    "written", [MACHINE, MACHINE.upper(), f"{{{MACHINE}}}", "4c4c4544-0039-5710-8052-b4c04f384833"]
)
def test_one_machine_id_in_every_way_it_is_written(written: str) -> None:
    assert device_id(written, **PARTS) == device_id(MACHINE, **PARTS)


@pytest.mark.parametrize(
    "found", [None, "", "uninitialized", "0" * 32, "f" * 32, "not hex at all, yet long enough", "abc"]
)
def test_a_machine_without_a_number_gets_a_random_device_id(found: str | None) -> None:
    assert usable_machine_id(found) is None
    one, other = (device_id(found, **PARTS) for _ in range(2))
    assert one != other
    assert re.fullmatch("[A-Z2-7]{52}", one)


@given(st.text())
def test_any_text_for_a_machine_id_gives_a_device_id(found: str) -> None:
    assert re.fullmatch("[A-Z2-7]{52}", device_id(found, **PARTS))


@pytest.mark.parametrize(
    "error", [machineid.MachineIdNotFound("none"), OSError(), UnicodeDecodeError("utf-8", b"", 0, 1, "")]
)
def test_a_machine_id_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(machineid, "id", fail)
    assert read_machine_id() is None


def test_the_machine_id_is_read_and_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machineid, "id", lambda: MACHINE.upper())
    assert read_machine_id() == MACHINE


def test_a_key_survives_the_vault() -> None:
    key = DeviceKey.generate()
    again = DeviceKey.from_bytes(key.to_bytes())
    assert again.public_jwk == key.public_jwk
    assert again.thumbprint == key.thumbprint


def test_the_thumbprint_is_rfc_7638s() -> None:
    key = DeviceKey.generate()
    assert key.thumbprint == ECKey.import_key(key.public_jwk).thumbprint()
    assert set(key.public_jwk) == {"crv", "kty", "x", "y"}


def test_the_public_jwk_handed_out_is_a_copy() -> None:
    key = DeviceKey.generate()
    key.public_jwk["x"] = "other"
    assert key.public_jwk["x"] != "other"


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_key_is_a_damaged_vault(data: bytes) -> None:
    with pytest.raises(VaultDamaged, match="device's key"):
        DeviceKey.from_bytes(data)


def test_a_key_of_another_curve_is_a_damaged_vault() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(VaultDamaged):
        DeviceKey.from_bytes(other)


@pytest.mark.clause("T1")
@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_is_neither_pickled_nor_copied(way) -> None:
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        way(DeviceKey.generate())


@pytest.mark.clause("T1")
def test_no_secret_shows_in_a_repr() -> None:
    key = DeviceKey.generate()
    credentials = Credentials(
        device_id="D" * 52, private_key=key.to_bytes(), refresh_token="refresh-secret", client_id="org.example.vpn"
    )
    binding = Binding(order_number="RV-2026-0001", device_id="D" * 52, bound_on=date(2026, 11, 1))
    shown = f"{key!r} {credentials!r} {binding!r} {credentials} {binding}"
    for secret in ("refresh-secret", "RV-2026-0001", "D" * 52, repr(key.to_bytes()), key.to_bytes().hex()):
        assert secret not in shown


def test_a_process_with_too_many_open_files_has_no_other_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocketvpn_sdk.identity.out_of_files", lambda: OSError(errno.EMFILE, "too many"))
    monkeypatch.setattr(machineid, "id", lambda: MACHINE)
    with pytest.raises(VaultReadOnly, match="too many files open"):
        read_machine_id()
