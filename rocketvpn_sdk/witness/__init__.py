"""Where else the app's own Python code connected to (``Config(witness=True)``).

Touches: ``vault``. Start with ``record``.

``record`` reads and writes what was noted; ``hook`` notes it, and is imported only where an app switched it on.
"""

from rocketvpn_sdk.witness.record import CAVEATS, STREAM, Witnessed, WitnessedConnection, WitnessRecord

__all__ = ["CAVEATS", "STREAM", "WitnessRecord", "Witnessed", "WitnessedConnection"]
