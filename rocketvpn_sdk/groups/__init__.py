"""The public groups ``consent``, ``device``, ``policy``, ``queue`` and ``updates`` of ``RocketVPN``, thin.

Touches: ``vault``, ``transport``. Start with ``consent``.

Each is imported from its own module: ``device`` alone brings httpx at once.
"""
