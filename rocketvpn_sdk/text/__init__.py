"""Words that people read: sentences in the user's language, lists, times and lengths of time.

Touches: disk. Start with ``messages``.

On disk it reads the catalogues in ``locale/``, which come with the package.
"""

from rocketvpn_sdk.text.durations import duration_parts, spelled_out
from rocketvpn_sdk.text.lists import listed, name
from rocketvpn_sdk.text.messages import ENGLISH, has_catalogue, marked, speaking, translate, translate_number
from rocketvpn_sdk.text.times import in_utc

__all__ = [
    "ENGLISH",
    "duration_parts",
    "has_catalogue",
    "in_utc",
    "listed",
    "marked",
    "name",
    "speaking",
    "spelled_out",
    "translate",
    "translate_number",
]
