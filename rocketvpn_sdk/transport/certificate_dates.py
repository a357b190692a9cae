"""When the certificates that a server showed are valid: to tell a wrong clock from a certificate that has run out.

``ssl`` says that a date does not hold and not which one; the chain as it was presented is still there at that moment.
It is not verified, and nothing is decided by it but which advice a person gets.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm


class OutsideValidity(ssl.SSLCertVerificationError):
    """A certificate that does not verify, with the ``period`` in which all that were shown are valid.

    In seconds since the epoch; ``None``: it cannot be told.
    """

    def __init__(self, error: ssl.SSLCertVerificationError, period: tuple[float, float] | None) -> None:
        super().__init__(*error.args)
        self.verify_code = getattr(error, "verify_code", 0)
        self.verify_message = getattr(error, "verify_message", "")
        self.period = period


@contextmanager
def dated(connection: ssl.SSLSocket | ssl.SSLObject) -> Iterator[None]:
    """Let a certificate that does not verify in here be an ``OutsideValidity``."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        refused = OutsideValidity(error, _period(connection))
        raise refused from None


def _period(connection: ssl.SSLSocket | ssl.SSLObject) -> tuple[float, float] | None:
    inner = getattr(connection, "_sslobj", None)
    presented = getattr(connection, "get_unverified_chain", None)  # Python 3.13 and later
    before = getattr(inner, "get_unverified_chain", None)  # 3.11 and 3.12 have it on the inner object alone
    try:
        if presented is not None:
            chain = [x509.load_der_x509_certificate(der) for der in presented()]
        elif before is not None:
            chain = [x509.load_pem_x509_certificate(each.public_bytes().encode()) for each in before() or ()]
        else:
            return None
        begins = max(certificate.not_valid_before_utc.timestamp() for certificate in chain)
        return begins, min(certificate.not_valid_after_utc.timestamp() for certificate in chain)
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, ssl.SSLError):
        return None  # there is no chain, or it cannot be read: then nobody is the wiser
