"""The sandbox's own certificate authority, kept in its folder, and a fresh server certificate for each run."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from rocketvpn_sdk.files import write_private

CA_FILE = "ca.pem"
_CA_KEY_FILE = "ca-key.pem"


def load_ca(folder: Path) -> trustme.CA:
    """Return the authority whose key is in ``folder``, made there the first time."""
    certificate, key = folder / CA_FILE, folder / _CA_KEY_FILE
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    ca = trustme.CA(organization_name="rocketvpn sandbox")
    write_private(key, ca.private_key_pem.bytes())
    write_private(certificate, ca.cert_pem.bytes())
    return ca


def server_context(ca: trustme.CA, *hosts: str) -> ssl.SSLContext:
    """Return a TLS 1.3 context with a certificate for ``hosts``; else for ``localhost`` and ``127.0.0.1``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    ca.issue_cert(*(hosts or ("localhost", "127.0.0.1"))).configure_cert(context)
    return context
