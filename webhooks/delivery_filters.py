"""What the list of deliveries can be narrowed by."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from integrations import registry
from integrations.models import Integration
from rules.models import Event
from supportops.tenancy.list_filters import ChoiceFilter, RowFilter, TextFilter
from supportops.texts import translated
from webhooks.models import DeliveryStatus

_MOST_INTEGRATIONS = 200
_MOST_EVENTS = 500


class StatusFilter(ChoiceFilter):
    title = gettext_lazy("status")
    parameter_name = "status__exact"
    led_by = "index"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [(status.value, translated(str(status.label))) for status in DeliveryStatus]


class PlatformFilter(ChoiceFilter):
    """Offers the catalogue."""

    title = gettext_lazy("platform")
    parameter_name = "platform"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [(item.key, item.name) for item in registry.all_connectors() if item.scheme_names()]


class IntegrationFilter(RowFilter):
    title = gettext_lazy("integration")
    parameter_name = "integration__id__exact"
    column = "integration_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        rows = Integration.objects.order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows[:_MOST_INTEGRATIONS]]


class EventFilter(TextFilter):
    title = gettext_lazy("event (such as ticket_created)")
    parameter_name = "event"
    column = "event_type"


class ExternalIdFilter(TextFilter):
    title = gettext_lazy("sender's id")
    parameter_name = "external_id"
    led_by = "ids"


def deliveries_found_by(term: str, deliveries: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return the deliveries that a person means: by our id, the sender's, or that of the ticket they are about."""
    if "\x00" in term:
        return deliveries.none()
    every = deliveries.model.objects
    ids = list(every.filter(external_id=term).order_by("-pk").values_list("pk", flat=True)[:_MOST_EVENTS])
    try:
        ids.append(uuid.UUID(term))
    except ValueError:
        events = Event.objects.filter(external_id=term.removeprefix("#"), delivery_id__isnull=False)
        ids += events.order_by("-pk").values_list("delivery_id", flat=True)[:_MOST_EVENTS]
    return deliveries.filter(pk__in=ids)
