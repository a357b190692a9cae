"""Reports of how the app runs, which nobody can tie to a person: what is in them, and their way out (clause U3).

Touches: ``vault``, ``transport``. Start with ``collect``.
"""

from rocketvpn_sdk.diagnostics.report import Report, ReportQueued

__all__ = ["Report", "ReportQueued"]
