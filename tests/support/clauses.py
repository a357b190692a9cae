"""The clauses of the privacy policy; a test that proves one carries ``@pytest.mark.clause("A2")``."""

from __future__ import annotations

from rocketvpn_sdk.policy.clauses import CLAUSES

__all__ = ["CLAUSES"]
