"""What the customers of the demo organization write."""

from integrations.models import Integration
from webhooks.sandbox_sending import Ticket

# How many tickets there are in all.
TICKETS = 48
# Help desk, subject, text, priority, tags.
_WRITTEN: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("freshdesk", "Nobody in our office can sign in", "Since nine o'clock all of us see an error.", "urgent", ("vip",)),
    ("freshdesk", "How do I change my billing address?", "We moved to Ghent last month.", "low", ("billing",)),
    ("zendesk", "Charged twice for order 58211", "My card was charged twice for the same order.", "high", ("refund",)),
    ("freshdesk", "The status page is down", "It answers 502 since this morning.", "urgent", ("outage",)),
    ("zendesk", "Invoice without a VAT number", "Our accountant sends it back every month.", "normal", ("billing",)),
    ("zendesk", "Thank you, Maria!", "She stayed on the phone until it worked.", "low", ("praise",)),
    ("freshdesk", "Export takes an hour", "It was two minutes last year.", "high", ("performance",)),
    ("zendesk", "Please cancel and pay back order 60377", "Wrong size, unopened.", "normal", ("refund", "orders")),
    ("freshdesk", "Cannot attach pictures", "The button does nothing in Firefox.", "normal", ("bug",)),
    ("zendesk", "Where is my parcel?", "Tracking has not moved for four days.", "normal", ("orders",)),
    ("freshdesk", "Webshop is down again", "Customers call us already.", "urgent", ("outage", "vip")),
    ("freshdesk", "Question about the student discount", "Does it apply to upgrades?", "low", ("sales",)),
    ("zendesk", "Double payment in August", "See the statement attached.", "urgent", ("refund", "billing")),
    ("freshdesk", "Printer integration stopped", "Labels come out empty.", "high", ("bug",)),
    ("zendesk", "Great new dashboard", "The best change in years.", "low", ("praise",)),
    ("freshdesk", "Parcel arrived a week late", "The present came after the birthday.", "normal", ("goodwill",)),
)  # fmt: skip


def ticket_of(place: int) -> tuple[str, Ticket]:
    """Return the ticket at a place of an endless row, with the help desk that it was written to."""
    platform, subject, text, priority, tags = _WRITTEN[place % len(_WRITTEN)]
    if place < TICKETS - 1:
        # Somebody has to answer those: one question is enough.
        tags = tuple(tag for tag in tags if tag != "goodwill")
    return platform, Ticket(subject, text, priority, "open", tags, f"customer{place % 9}@example.com")


def help_desks() -> dict[str, Integration]:
    """Return the help desks of the organization in scope, by platform."""
    return {row.platform: row for row in Integration.objects.filter(platform__in=("freshdesk", "zendesk"))}
