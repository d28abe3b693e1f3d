"""The admin's pages of rules: write, try, compare, roll back, start. Every change is a deed of authoring."""

import difflib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations import usage
from rules import authoring, calendar_admin, recipient_admin, run_admin, table_admin, variable_admin
from rules.builder_admin import PAGES as BUILDER_PAGES
from rules.builder_admin import BuilderPages
from rules.catalogue import OrganizationCatalogue
from rules.drafts import RuleDraft, Unreadable, as_text, new_document
from rules.forms import TriggerForm
from rules.models import Rule, RuleVersion, Run
from rules.previewing import insertable, last_outcomes
from rules.problems import Refused
from rules.template_admin import PAGES as TEMPLATE_PAGES
from rules.trial_admin import DAYS, TrialPages
from rules.trial_admin import PAGES as TRIAL_PAGES
from rules.trying import judge, recent_events
from rules.version_words import changes_between
from rules.workflow_admin import PAGES as WORKFLOW_PAGES
from rules.workflow_admin import WorkflowPages
from supportops.tenancy.pages import Page
from supportops.tenancy.roles import Permission
from supportops.tenancy.templatetags.admin_parts import badge

__all__ = ["RuleAdmin", "calendar_admin", "recipient_admin", "run_admin", "table_admin", "variable_admin"]

_FORM = "admin/rules/rule/form.html"
# How many versions one page compares; older ones are in the API.
_VERSIONS_SHOWN = 30


@admin.register(Rule)
class RuleAdmin(BuilderPages, TrialPages, WorkflowPages):
    """Rules. What a rule says stands in its versions; a deleted one keeps its runs, and is not shown."""

    list_display: ClassVar = ["name", "trigger", "state", "version", "last_fired", "success"]
    list_filter: ClassVar = ["is_enabled"]
    search_fields: ClassVar = ["name"]
    list_per_page = 50
    actions: ClassVar = ["enable_selected", "disable_selected"]
    pages: ClassVar = (
        *TEMPLATE_PAGES,
        *BUILDER_PAGES,
        *TRIAL_PAGES,
        *WORKFLOW_PAGES,
        Page("execute", "execute_view", Permission.EXECUTE, methods=("GET", "POST")),
        Page("versions", "versions_view", Permission.READ, methods=("GET",)),
        Page("rollback", "rollback_view", Permission.WRITE),
        Page("enable", "enable_view", Permission.WRITE),
        Page("disable", "disable_view", Permission.WRITE),
    )

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Rule]":
        last = Run.objects.filter(rule=OuterRef("pk")).order_by("-id").values("created_at")[:1]
        rules: QuerySet[Rule] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rules.annotate(fired_at=Subquery(last))

    # --- the list -----------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().changelist_view(request, *args, **kwargs)
        context = response.context_data if isinstance(response, TemplateResponse) else None
        page = (context or {}).get("cl")
        if page is not None:
            page.result_list = _with_figures(list(page.result_list))
        return response

    @admin.display(description=gettext_lazy("trigger"))
    def trigger(self, rule: Any) -> str:
        return str(rule.shown_trigger)

    @admin.display(description=gettext_lazy("state"), ordering="is_enabled")
    def state(self, rule: Rule) -> SafeString:
        return badge("enabled" if rule.is_enabled else "disabled")

    @admin.display(description=gettext_lazy("last fired"), ordering="fired_at")
    def last_fired(self, rule: Any) -> Any:
        return rule.fired_at

    @admin.display(description=gettext_lazy("succeeded in 7 days"))
    def success(self, rule: Any) -> str:
        return str(rule.shown_success)

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: "QuerySet[Rule]") -> None:
        self._switch(request, queryset, True)

    @admin.action(description=gettext_lazy("Disable"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: "QuerySet[Rule]") -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: "QuerySet[Rule]", is_enabled: bool) -> None:
        rules = [rule for rule in queryset if rule.is_enabled is not is_enabled]
        for rule in rules:
            authoring.set_enabled(rule, is_enabled)
        if is_enabled:
            text = ngettext("%(count)s rule switched on.", "%(count)s rules switched on.", len(rules))
        else:
            text = ngettext("%(count)s rule switched off.", "%(count)s rules switched off.", len(rules))
        messages.success(request, text % {"count": len(rules)})

    # --- one rule -----------------------------------------------------------------------------------------------
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        rule = None
        if object_id is not None:
            rule = self.get_object(request, object_id)
            if rule is None:
                response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
                return response
        allowed = self.has_change_permission(request, rule) if rule else self.has_add_permission(request)
        if not allowed and (request.method == "POST" or rule is None or not self.has_view_permission(request, rule)):
            raise PermissionDenied
        catalogue = OrganizationCatalogue()
        if request.method != "POST":
            return self._page(request, rule, _draft_of(_document_of(rule) if rule else new_document(), catalogue))
        try:
            draft = RuleDraft.of_post(request.POST, catalogue)
        except Unreadable as error:
            messages.error(request, _("%(problem)s Nothing was saved.") % {"problem": error})
            return HttpResponseRedirect(request.path)
        if "_save" in request.POST:
            return self._save(request, rule, draft)
        return self._page(request, rule, _changed(draft, request.POST))

    def _save(self, request: HttpRequest, rule: Rule | None, draft: RuleDraft) -> HttpResponse:
        if rule is not None and request.POST.get("version") != str(rule.version):
            draft.problems.append(
                _(
                    "Somebody else saved version %(number)s meanwhile. Open the rule anew in another tab, compare, "
                    "and make your change there."
                )
                % {"number": rule.version}
            )
            return self._page(request, rule, draft)
        document = draft.document()
        if document is not None:
            author = request.user.get_username()
            try:
                saved, warnings = (
                    authoring.change(rule, {"description": "", **document}, author=author)
                    if rule
                    else authoring.create(document, author=author)
                )
            except Refused as refusal:
                draft.show(refusal.problems)
            else:
                for warning in warnings:
                    messages.warning(request, warning)
                text = _("%(name)s is saved as version %(number)s.")
                return self.back(request, saved, said=text % {"name": saved.name, "number": saved.version})
        return self._page(request, rule, draft)

    def _page(self, request: HttpRequest, rule: Rule | None, draft: RuleDraft) -> TemplateResponse:
        allowed = self.has_change_permission(request, rule) if rule else self.has_add_permission(request)
        if not allowed:
            draft.disable()
        trigger = draft.trigger
        types = draft.event_types
        chosen = draft.chosen
        rule_id = rule.pk if rule else None
        hears = trigger.hears_events
        is_judged = hears and types and ("_save" not in request.POST or draft.conditions.is_valid())
        outcome = judge(draft.conditions, trigger.shown_platform, types, chosen) if is_judged else ""
        return self.shown(
            request,
            _FORM,
            rule.name if rule else _("New rule"),
            rule=rule,
            original=rule,
            draft=draft,
            base=as_text(draft.base),
            may_save=allowed,
            conditions=draft.conditions,
            conditions_address=self.address("conditions_view"),
            outcome=outcome,
            strict="_save" in request.POST,
            chosen=chosen,
            insertable=insertable(
                draft.fields, draft.step_names, draft.input_names, last_outcomes(rule_id, draft.step_names)
            ),
            unconnected=_unconnected(trigger, draft.catalogue),
            preview_address=self.address("preview_view"),
            recent=recent_events(trigger.shown_platform, types) if hears and types else [],
            test_address=self.address("test_view", rule.pk) if rule else self.address("test_draft_view"),
            backtest_address=self.address("backtest_view", rule.pk) if rule else self.address("backtest_draft_view"),
            backtest_days=DAYS,
        )

    # --- versions -----------------------------------------------------------------------------------------------
    def versions_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        """Show each version with what it changed."""
        rows = list(RuleVersion.objects.filter(rule=rule).order_by("-number")[: _VERSIONS_SHOWN + 1])
        catalogue = OrganizationCatalogue()
        shown = [
            {
                "version": row,
                "is_live": row.number == rule.version,
                "changes": _difference(before, row),
                "words": changes_between(before.document, row.document, catalogue) if before else [],
            }
            for row, before in zip(rows, [*rows[1:], None], strict=True)
        ]
        return self.shown(
            request,
            "admin/rules/rule/versions.html",
            _("Versions of %(name)s") % {"name": rule.name},
            rule=rule,
            original=rule,
            versions=shown[:_VERSIONS_SHOWN],
        )

    def rollback_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        number = request.POST.get("version", "")
        try:
            if not number.isdigit() or len(number) > 9:
                raise RuleVersion.DoesNotExist
            rule = authoring.roll_back(rule, int(number), author=request.user.get_username())
        except RuleVersion.DoesNotExist:
            return self.back(request, rule, said=_("There is no such version."), level=messages.ERROR)
        text = _("Version %(number)s is live again, as version %(newest)s.")
        return self.back(request, rule, said=text % {"number": number, "newest": rule.version})

    # --- switching and starting ---------------------------------------------------------------------------------
    def enable_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        authoring.set_enabled(rule, True)
        return self.back(request, rule, said=_("%(name)s is switched on.") % {"name": rule.name})

    def disable_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        authoring.set_enabled(rule, False)
        return self.back(request, rule, said=_("%(name)s is switched off. Runs under way go on.") % {"name": rule.name})

    def execute_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        """Ask for the inputs, then start a run by hand and go to it."""
        form, run = self.started(request, rule)
        if run is not None:
            messages.success(request, _("Started."))
            return HttpResponseRedirect(reverse("admin:rules_run_change", args=[run.pk]))
        title = _("Start %(name)s") % {"name": rule.name}
        return self.shown(request, "admin/rules/rule/execute.html", title, rule=rule, original=rule, form=form)

    # --- deleting -----------------------------------------------------------------------------------------------
    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Say what goes: the rule alone. Django would list every run of it, which all stay."""
        names = [
            _("%(name)s: no event wakes it any more. Its runs and versions stay in the history.") % {"name": rule.name}
            for rule in objs
        ]
        denied = set() if self.has_delete_permission(request) else {"rule"}
        return names, {_("rules"): len(names)}, denied, []

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        authoring.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Rule]") -> None:
        for rule in queryset:
            authoring.delete(rule)


def _document_of(rule: Rule) -> dict[str, Any]:
    own: dict[str, Any] = {"name": rule.name, "enabled": rule.is_enabled}
    if rule.description:
        own["description"] = rule.description
    return {**own, **authoring.live_version(rule).document}


def _draft_of(document: dict[str, Any], catalogue: OrganizationCatalogue) -> RuleDraft:
    """Return a document's page; one that the form cannot show is shown as it is."""
    try:
        return RuleDraft.of_document(document, catalogue)
    except Unreadable as error:
        draft = RuleDraft.of_document({**new_document(), "actions": []}, catalogue)
        draft.mode, draft.raw = "document", as_text(document)
        draft.raw_problems.append(str(error))
        return draft


def _changed(draft: RuleDraft, post: Any) -> RuleDraft:
    """Return the page after a button that saves nothing."""
    if "_as_form" in post or "_as_document" in post:
        document = draft.document()
        if document is None:
            return draft
        if "_as_form" in post:
            return _draft_of(document, draft.catalogue)
        draft.mode, draft.raw = "document", as_text(document)
        return draft
    draft.refresh()
    if "_row" in post:
        draft.conditions.change(post["_row"])
    moves: dict[str, Callable[[int], None]] = {
        "_remove": draft.remove_card,
        "_copy": draft.copy_card,
        "_change": draft.choose_for,
        "_up": lambda place: draft.move_card(place, -1),
        "_down": lambda place: draft.move_card(place, 1),
    }
    for name, move in moves.items():
        if post.get(name, "").isdigit():
            move(int(post[name][:6]))
    if "_add_input" in post:
        draft.inputs.add()
    if post.get("_remove_input", "").isdigit():
        draft.inputs.remove(int(post["_remove_input"][:6]))
    if "_add" in post:
        draft.add_step(post["_add"])
    place, _mark, choice = post.get("_use", "").partition(":")
    if choice and place.isdigit():
        draft.use(int(place[:6]), choice)
    return draft


def _difference(before: RuleVersion | None, after: RuleVersion) -> list[tuple[str, str]]:
    """Return the lines of a unified comparison, each with its kind; nothing for the first version."""
    if before is None:
        return []
    lines = difflib.unified_diff(
        as_text(before.document).splitlines(), as_text(after.document).splitlines(), lineterm="", n=3
    )
    kinds = {"+": "so-added", "-": "so-removed", "@": "so-place"}
    return [(kinds.get(line[:1], ""), line) for line in lines if not line.startswith(("+++", "---"))]


def _unconnected(trigger: TriggerForm, catalogue: OrganizationCatalogue) -> Any:
    """Return the connector of the events where no account of it is connected; None where nothing is missing."""
    connector = trigger.connector if trigger.hears_events else None
    if connector is None or connector.is_generic or connector.open_events:
        return None
    return None if any(item.platform == connector.key for item in catalogue.integrations) else connector


def _with_figures(rules: list[Any]) -> list[Any]:
    """Give the rules of one page their triggers and figures, by two queries for all of them."""
    numbers = {rule.pk: rule.version for rule in rules}
    documents = {
        version.rule_id: version.document
        for version in RuleVersion.objects.filter(rule_id__in=numbers)
        if version.number == numbers[version.rule_id]
    }
    sums = usage.totals_of(timedelta(days=7), "rule", numbers)
    for rule in rules:
        rule.shown_trigger = _trigger_text(documents.get(rule.pk, {}))
        of_rule = sums.get(rule.pk, {})
        ended = of_rule.get("succeeded", 0) + of_rule.get("failed", 0)
        rule.shown_success = _("%(count)s of %(all)s") % {"count": of_rule["succeeded"], "all": ended} if ended else "–"
    return rules


def _trigger_text(document: dict[str, Any]) -> str:
    trigger = document.get("trigger") or {}
    events = trigger.get("event")
    if events is None:
        return "by hand"
    return f"{trigger.get('platform')} · {', '.join(events) if isinstance(events, list) else events}"
