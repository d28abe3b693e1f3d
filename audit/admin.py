"""The admin's page of the audit log: to be read, filtered and searched; nothing can be added, changed or deleted."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import export, reading, showing, vocabulary
from audit.filters import ActionFilter, ActorFilter, ResourceFilter, ResourceIdFilter, resource_types
from audit.models import AuditEntry, AuditPerson, AuditSeal, AuditUnsealed
from audit.sealing import head
from audit.verifying import verify_part
from supportops import clock
from supportops.api.views import in_scope
from supportops.tenancy.admin import place_of
from supportops.tenancy.list_filters import FromFilter, SinceFilter, UntilFilter
from supportops.tenancy.lists import ListAdmin
from supportops.tenancy.pages import Page
from supportops.tenancy.roles import Permission
from supportops.tenancy.templatetags.admin_parts import badge, words
from supportops.texts import translated

# A search finds so many of the newest entries; filters lead further.
_MOST_FOUND = 500
_MOST_PEOPLE = 20
_MOST_WAITING = 1000
# A stretch of the verification; longer ones would hold up other pages.
_SECONDS_A_REQUEST = 1.5


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
    list_before_template = "admin/audit/auditentry/chain.html"
    pages: ClassVar = (
        Page("export", "export_view", Permission.READ, of_row=False),
        Page("verify", "verify_view", Permission.READ, methods=("GET", "POST"), of_row=False),
    )

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

    @admin.display(description=gettext_lazy("actor"))
    def actor(self, entry: AuditEntry) -> str:
        shown = showing.actor_of(entry, _people(entry))
        return f"{shown['name'] or shown['id'] or _('(erased)')} ({words(shown['type'])})"

    @admin.display(description=gettext_lazy("resource"))
    def resource(self, entry: AuditEntry) -> str:
        return f"{words(entry.resource_type)} {entry.resource_id}".strip()

    @admin.display(description=gettext_lazy("sealed"))
    def is_sealed(self, entry: AuditEntry) -> SafeString:
        return badge("sealed" if getattr(entry, "seal_position", None) is not None else "pending")

    def list_title(self) -> str:
        return _("Audit log")

    def empty_state(self, request: HttpRequest) -> dict[str, str]:
        text = _("Whatever people, tokens and rules do in this organization is written here, for good.")
        return {"title": _("Nothing was done yet"), "text": text, "address": "", "label": ""}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        waiting = AuditUnsealed.objects.order_by()[:_MOST_WAITING].count()
        context = {"head": head(), "waiting": waiting, "most_waiting": _MOST_WAITING, **(extra_context or {})}
        return super().changelist_view(request, context)

    # --- one entry ----------------------------------------------------------------------------------------------
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        entry = self.get_object(request, object_id) if object_id is not None else None
        if object_id is None or request.method != "GET" or not self.has_view_permission(request, entry):
            raise PermissionDenied
        if entry is None:
            response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return response
        (shown,) = showing.shown([entry])
        return self.shown(
            request,
            "admin/audit/auditentry/page.html",
            entry.action,
            original=entry,
            entry=entry,
            shown=shown,
            meaning=translated(vocabulary.meaning_of(entry.action)),
            changes=reading.lines_of(entry.action, shown["changes"]),
            address=reading.address_of(entry.resource_type, entry.resource_id),
        )

    # --- the whole log ------------------------------------------------------------------------------------------
    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Stream the whole log as JSON Lines, in the order of the chain."""
        end = export.begin()
        response = StreamingHttpResponse(in_scope(export.lines()), content_type="application/x-ndjson")
        place = place_of(request)
        slug = place.organization.slug if place else "log"
        response["Content-Disposition"] = f'attachment; filename="audit-{slug}-{clock.now():%Y%m%d-%H%M%S}.jsonl"'
        response["X-Audit-Head"] = str(end)
        return response

    def verify_view(self, request: HttpRequest) -> HttpResponse:
        """Walk along the chain, a stretch in each request; the page asks for the next one until the end is reached."""
        before = reading.part_of(request.GET.get("at", ""))
        part = verify_part(before, _SECONDS_A_REQUEST)
        return self.shown(
            request,
            "admin/audit/auditentry/verify.html",
            _("Verification of the audit log"),
            opts=None,
            part=part,
            at="" if part.is_done else reading.token_of(part),
        )


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
