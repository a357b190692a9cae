"""The reference server, for demos, tests and an app's developers (extra ``sandbox``).

Real TLS, real checks, a real database: it stores what it receives, and no answer is canned. The rooms of the SDK do not
import it, and it imports none of them but the shared values (``wire``, ``policy``, ``errors``, ``clock``), for a server
must not lean on its client.
"""

from rocketvpn_sdk.sandbox.exchange import Received
from rocketvpn_sdk.sandbox.faults import Faults
from rocketvpn_sdk.sandbox.mail import Message, Outbox
from rocketvpn_sdk.sandbox.server import Sandbox

__all__ = ["Faults", "Message", "Outbox", "Received", "Sandbox"]
