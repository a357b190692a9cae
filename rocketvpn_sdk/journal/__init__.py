"""What the app records: minimised before it is kept, sealed at rest, gone when its time is over."""

from rocketvpn_sdk.journal.event import Event
from rocketvpn_sdk.journal.handler import JournalHandler
from rocketvpn_sdk.journal.journal import Entry, Journal, JournalStats

__all__ = ["Entry", "Event", "Journal", "JournalHandler", "JournalStats"]
