"""Codes that are wrong."""

from __future__ import annotations


def other_than(code: str) -> str:
    """Return another code, as long as ``code``."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"
