"""The reference server, for demos, tests and an app's developers (extra ``sandbox``).

Touches: network, disk. Start with ``routes``.

Real TLS, real checks, a real database: it stores what it receives, and no answer is canned. The client
packages do not import it, and it imports only the shared values (``wire``, ``policy``, ``errors``, ``clock``).
"""

from rocketvpn_sdk.sandbox.faults import Faults
from rocketvpn_sdk.sandbox.http_messages import RecordedRequest
from rocketvpn_sdk.sandbox.mail import Message, Outbox
from rocketvpn_sdk.sandbox.reverse_proxy import Front
from rocketvpn_sdk.sandbox.server import Sandbox

__all__ = ["Faults", "Front", "Message", "Outbox", "RecordedRequest", "Sandbox"]
