"""What the app records: minimised before it is kept, sealed at rest, gone when its time is over.

Touches: ``vault``. Start with ``journal``.
"""

from rocketvpn_sdk.journal.entry import Entry, JournalStats
from rocketvpn_sdk.journal.event import Event
from rocketvpn_sdk.journal.handler import JournalHandler
from rocketvpn_sdk.journal.journal import Journal
from rocketvpn_sdk.journal.lines.marks import hashed, private, public

__all__ = ["Entry", "Event", "Journal", "JournalHandler", "JournalStats", "hashed", "private", "public"]
