"""Platforms to try rules against: a small server that answers like Slack, Trello, Freshdesk and Zendesk.

It keeps what arrived and shows it, and misbehaves on demand. For the demo, for tests and for trying rules out without
an account. Nothing here needs Django or the network.

``python -m supportops.running.sandbox_platform --port 4010``
"""

from supportops.running.sandbox_platform.faults import Fault
from supportops.running.sandbox_platform.server import SandboxPlatform

__all__ = ["Fault", "SandboxPlatform"]
