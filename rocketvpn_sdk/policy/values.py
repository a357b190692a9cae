"""The two small languages inside a policy document: durations and transforms."""

from __future__ import annotations

import math
import re

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.text.durations import UNITS, duration_parts

_LONGEST = 40
"""Characters; a number with more digits than a float can hold is no duration."""
_SECONDS = dict(zip(UNITS, (365 * DAY, 30 * DAY, 7 * DAY, DAY, 3600.0, 60.0, 1.0), strict=True))
_TRANSFORM = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?")
BOUND = "bound"


class Duration:
    """A length of time: an ISO 8601 duration (a year is 365 days, a month 30), or ``bound``, while the device is bound.

    Values compare by length; ``bound`` is longer than any other.
    """

    __slots__ = ("seconds", "text")

    def __init__(self, text: str) -> None:
        """Parse ``text``.

        Raises:
            ValueError: it is neither an ISO 8601 duration nor ``bound``.
        """
        self.text = text
        if text == BOUND:
            self.seconds = math.inf
            return
        parts = duration_parts(text) if len(text) <= _LONGEST else None
        if parts is None:
            raise ValueError(f"{text!r} is not an ISO 8601 duration such as P30D, nor {BOUND!r}")
        self.seconds = sum(count * _SECONDS[unit] for unit, count in parts.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and other.seconds == self.seconds

    def __lt__(self, other: Duration) -> bool:
        return self.seconds < other.seconds

    def __hash__(self) -> int:
        return hash(self.seconds)

    def __repr__(self) -> str:
        return f"Duration({self.text!r})"

    def __str__(self) -> str:
        return self.text


class Transform:
    """How a value is minimised before it is stored or sent: a ``name`` and ``arguments``, as ``bucket(10, 60)``."""

    __slots__ = ("arguments", "name")

    def __init__(self, text: str) -> None:
        """Parse ``text``.

        Raises:
            ValueError: no such transform, or arguments it does not take.
        """
        match = _TRANSFORM.fullmatch(text)
        name, inner = match.groups() if match else (text, None)
        arguments = tuple(part.strip() for part in inner.split(",")) if inner and inner.strip() else ()
        check = _ARGUMENTS.get(name)
        if check is None:
            raise ValueError(f"{text!r} is no transform; there are {', '.join(_ARGUMENTS)}")
        if not check.fullmatch(",".join(arguments)):
            raise ValueError(f"{text!r} has arguments that {name} does not take")
        self.name: str = name
        self.arguments: tuple[str, ...] = arguments
        if name == "bucket" and list(self.bounds) != sorted(set(self.bounds)):
            raise ValueError(f"{text!r} needs its bounds in rising order")

    @property
    def bounds(self) -> tuple[int, ...]:
        """The lower bounds of a ``bucket``."""
        return tuple(int(argument) for argument in self.arguments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transform) and (other.name, other.arguments) == (self.name, self.arguments)

    def __hash__(self) -> int:
        return hash((self.name, self.arguments))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})" if self.arguments else self.name

    def __repr__(self) -> str:
        return f"Transform({str(self)!r})"


_NOTHING = re.compile("")
_ARGUMENTS = {
    "keep": _NOTHING,
    "drop": _NOTHING,
    "truncate_ip": _NOTHING,
    "coarsen_time": re.compile("minute|hour|day"),
    "bucket": re.compile(r"-?\d{1,19}(,-?\d{1,19})*", re.ASCII),
    "version": re.compile(r"major(\.minor)?"),
    "pseudonym": _NOTHING,
    "scrub": _NOTHING,
}
