"""Platforms that are played: they answer like Slack, Trello, Freshdesk and Zendesk, and do nothing anywhere else.

Behind the built-in sandbox of an organization (`transport`), and behind the server of
``python -m supportops.running.sandbox_platform``, which also misbehaves on demand.
"""

from integrations.sandbox_platform.exchange import Platform
from integrations.sandbox_platform.helpdesks import FreshdeskSandbox, ZendeskSandbox
from integrations.sandbox_platform.slack import SlackSandbox
from integrations.sandbox_platform.trello import TrelloSandbox

PLATFORMS: dict[str, type[Platform]] = {
    cls.key: cls for cls in (SlackSandbox, TrelloSandbox, FreshdeskSandbox, ZendeskSandbox)
}
