"""The table of what is taken out of free text before it is stored (C2): one row a kind, each with its own tests.

``scrubber.py`` works through it. If two findings overlap, the one that begins earlier wins, then the earlier row.
``found`` and ``kept`` of each row run as tests, so that the table cannot claim what the code does not do.
"""

from __future__ import annotations

from rocketvpn_sdk.journal.scrub.pattern import Pattern
from rocketvpn_sdk.journal.scrub.rows_of_networks import NETWORKS
from rocketvpn_sdk.journal.scrub.rows_of_people import PEOPLE
from rocketvpn_sdk.journal.scrub.rows_of_secrets import HARMLESS, SECRETS

PATTERNS: tuple[Pattern, ...] = (*HARMLESS, *SECRETS, *PEOPLE, *NETWORKS)
