"""Log lines whose arguments are private by default: the developer's constant text stays, values become their kind (C2).

Touches: nothing but the app's own code, which is read once per module. Start with ``line``.
"""
