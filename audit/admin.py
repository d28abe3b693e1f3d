"""The admin's page of the audit log: to be read, filtered and searched; nothing can be added, changed or deleted."""

import json
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import showing, vocabulary
from audit.models import AuditEntry, AuditPerson, AuditSeal
from supportops.tenancy.admin import ScopedAdmin

# Lists over millions of rows are counted no further.
MOST_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to MOST_COUNTED rows: whoever wants to see further narrows the list by filters or search."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:MOST_COUNTED].count()


class _ByVocabulary(admin.SimpleListFilter):
    """Offers what the vocabulary knows instead of asking the table for all its values."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(Q((str(self.parameter_name), self.value()))) if self.value() else queryset


class ActionFilter(_ByVocabulary):
    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in vocabulary.names()]


class ResourceFilter(_ByVocabulary):
    title = "resource"
    parameter_name = "resource_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = sorted({name.partition(".")[0] for name in vocabulary.names() if "." in name})
        return [(kind, kind.replace("_", " ")) for kind in kinds]


class ActorFilter(_ByVocabulary):
    title = "actor"
    parameter_name = "actor_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("user", "people"), ("token", "API tokens"), ("platform", "platforms"), ("system", "the system")]


@admin.register(AuditEntry)
class AuditEntryAdmin(ScopedAdmin):
    """Who did what, newest first."""

    add_permission = change_permission = delete_permission = None
    paginator = BoundedPaginator
    show_full_result_count = False
    ordering: ClassVar = ["-id"]
    list_display: ClassVar = ["at", "actor", "action", "resource", "is_sealed"]
    list_filter: ClassVar = [ActionFilter, ResourceFilter, ActorFilter, "at"]
    list_select_related: ClassVar = ["person"]
    # What is searched says get_search_results; named here, they make the search box appear.
    search_fields: ClassVar = ["resource_id", "action", "actor_id"]
    search_help_text = "The id of a resource or actor, a person's name or address, or an action, each as a whole."
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
        people = AuditPerson.objects.filter(name__iexact=term, mentioned_in__isnull=True).values_list("id", flat=True)
        wanted = Q(resource_id=term) | Q(actor_id=term) | Q(action=term) | Q(person__in=list(people))
        return queryset.filter(wanted), False

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


def _people(entry: AuditEntry) -> dict[Any, AuditPerson]:
    return {entry.person_id: entry.person} if entry.person_id else {}
