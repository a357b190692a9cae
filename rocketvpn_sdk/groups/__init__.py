"""The public groups that ask the server: ``rocket.consent``, ``rocket.device``, ``rocket.policy``.

Touches: ``vault``, ``transport``. Start with ``consent``.

Each is imported from its own module: only ``device`` brings httpx at once.
"""
