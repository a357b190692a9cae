"""The public groups ``rocket.consent``, ``rocket.device``, ``rocket.policy`` and ``rocket.queue``, thin.

Touches: ``vault``, ``transport``. Start with ``consent``.

Each is imported from its own module: ``device`` alone brings httpx at once.
"""
