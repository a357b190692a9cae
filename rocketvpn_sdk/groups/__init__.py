"""The public groups ``consent``, ``device``, ``diagnostics``, ``policy``, ``queue``, ``updates``: thin.

Touches: ``vault``, ``transport``. Start with ``consent``.

Each is imported from its own module: ``device`` alone brings httpx at once.
"""
