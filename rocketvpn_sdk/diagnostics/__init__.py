"""``rocket.diagnostics``: reports of how the app runs, which nobody can tie to a person (policy clause U3).

Touches: ``vault``, ``transport``. Start with ``diagnostics``.
"""

from rocketvpn_sdk.diagnostics.diagnostics import Diagnostics
from rocketvpn_sdk.diagnostics.report import Report, ReportQueued

__all__ = ["Diagnostics", "Report", "ReportQueued"]
