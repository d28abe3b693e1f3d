"""The admin's page of the audit log: to be read, filtered and searched; nothing can be added, changed or deleted."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from audit import showing, vocabulary
from audit.filters import ActionFilter, ActorFilter, ResourceFilter, ResourceIdFilter, resource_types
from audit.models import AuditEntry, AuditPerson, AuditSeal
from supportops.tenancy.list_filters import FromFilter, SinceFilter, UntilFilter
from supportops.tenancy.lists import ListAdmin

# A search finds so many of the newest entries; filters lead further.
_MOST_FOUND = 500
_MOST_PEOPLE = 20


@admin.register(AuditEntry)
class AuditEntryAdmin(ListAdmin):
    """Who did what, newest first."""

    add_permission = change_permission = delete_permission = None
    list_display: ClassVar = ["when", "actor", "action", "resource", "is_sealed"]
    list_filter: ClassVar = [
        ActionFilter,
        ResourceFilter,
        ActorFilter,
        SinceFilter,
        ResourceIdFilter,
        FromFilter,
        UntilFilter,
    ]
    list_select_related: ClassVar = ["person"]
    # What is searched says get_search_results; named here, they make the search box appear.
    search_fields: ClassVar = ["resource_id", "action", "actor_id"]
    search_help_text = gettext_lazy("Person, address, action or id, as a whole")
    fields: ClassVar = [
        "at",
        "actor",
        "ip",
        "action",
        "meaning",
        "resource",
        "shown_changes",
        "request_id",
        "trace_id",
        "position",
        "hash",
    ]
    readonly_fields: ClassVar = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        seal = AuditSeal.objects.filter(entry_id=OuterRef("id"))
        entries: QuerySet[AuditEntry] = super().get_queryset(request)
        return entries.annotate(
            seal_position=Subquery(seal.values("position")[:1]), seal_hash=Subquery(seal.values("hash")[:1])
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # Whole values alone, which indexes find: parts of them would mean reading the whole log.
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(pk__in=_ids_found_by(term)), False

    @admin.display(description=gettext_lazy("when (UTC)"))
    def when(self, entry: AuditEntry) -> str:
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="actor")
    def actor(self, entry: AuditEntry) -> str:
        shown = showing.actor_of(entry, _people(entry))
        return f"{shown['name'] or shown['id'] or '(erased)'} ({shown['type']})"

    @admin.display(description="address")
    def ip(self, entry: AuditEntry) -> str:
        return showing.ip_of(entry, _people(entry)) or "–"

    @admin.display(description="resource")
    def resource(self, entry: AuditEntry) -> str:
        return f"{entry.resource_type} {entry.resource_id}".strip()

    @admin.display(description="what it says")
    def meaning(self, entry: AuditEntry) -> str:
        return vocabulary.meaning_of(entry.action)

    @admin.display(description="changes")
    def shown_changes(self, entry: AuditEntry) -> SafeString:
        (shown,) = showing.shown([entry])
        return format_html("<pre>{}</pre>", json.dumps(shown["changes"], indent=2, ensure_ascii=False))

    @admin.display(description="sealed", boolean=True)
    def is_sealed(self, entry: AuditEntry) -> bool:
        return getattr(entry, "seal_position", None) is not None

    @admin.display(description="position in the chain")
    def position(self, entry: AuditEntry) -> str:
        return str(getattr(entry, "seal_position", None) or "not sealed yet")

    @admin.display(description="hash")
    def hash(self, entry: AuditEntry) -> str:
        return getattr(entry, "seal_hash", None) or "–"


def _ids_found_by(term: str) -> list[Any]:
    """Return the newest entries that a text means. One question for each index: asked all at once, the database may
    rather read the log."""
    if "\x00" in term:
        return []
    people = AuditPerson.objects.filter(name__iexact=term, mentioned_in__isnull=True)
    actors = {term, *people.values_list("identifier", flat=True)[:_MOST_PEOPLE]}
    # With every kind of resource that there is: the index of resources begins with it.
    about = Q(resource_type__in=resource_types(), resource_id=term)
    questions = [Q(action=term), about, *(Q(actor_id=actor) for actor in actors)]
    found: set[Any] = set()
    for question in questions:
        found |= set(AuditEntry.objects.filter(question).order_by("-pk").values_list("pk", flat=True)[:_MOST_FOUND])
    return sorted(found, reverse=True)[:_MOST_FOUND]


def _people(entry: AuditEntry) -> dict[Any, AuditPerson]:
    return {entry.person_id: entry.person} if entry.person_id else {}
