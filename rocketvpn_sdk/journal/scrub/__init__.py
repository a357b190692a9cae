"""Free text, such as a log line, without what is personal in it (C2).

Touches: nothing. Start with ``table``: each kind of personal text is a row, with its reason and its examples.
"""

from rocketvpn_sdk.journal.scrub.scrubber import REMOVED, UNREADABLE, Scrubber, scrub

__all__ = ["REMOVED", "UNREADABLE", "Scrubber", "scrub"]
