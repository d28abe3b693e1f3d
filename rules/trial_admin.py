"""What a rule's page says before anybody relies on it: tried on one event, or on all that came in some days."""

import uuid
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from rules import authoring
from rules.api_backtest import start_backtest
from rules.backtest import MOST_EVENTS
from rules.catalogue import OrganizationCatalogue
from rules.checking import check
from rules.compiled import compile_rule
from rules.drafts import RuleDraft, Unreadable
from rules.models import Rule
from rules.trial_words import BacktestWords, trial_words
from rules.trying import NothingToTry, tried
from supportops import clock
from supportops.api.errors import ApiProblem
from supportops.ids import new_id
from supportops.jobs import running
from supportops.jobs.models import Job
from supportops.tenancy.admin import may, place_of
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission

PAGES = (
    Page("test", "test_draft_view", Permission.EXECUTE, of_row=False),
    Page("test", "test_view", Permission.EXECUTE),
    Page("backtest", "backtest_draft_view", Permission.EXECUTE, of_row=False),
    Page("backtest", "backtest_view", Permission.EXECUTE),
    Page("backtest-progress", "backtest_progress_view", Permission.EXECUTE, methods=("GET", "POST"), of_row=False),
)
_KIND = "rules.backtest"
DAYS = (1, 7, 30)


class TrialPages(PagedAdmin):
    """What the admin of rules has for trying them. Nothing is sent."""

    def test_draft_view(self, request: HttpRequest) -> HttpResponse:
        return self._try(request, None)

    def test_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        """Try what the page says, or the saved rule for somebody who may not write."""
        return self._try(request, rule)

    def backtest_draft_view(self, request: HttpRequest) -> HttpResponse:
        return self._start_backtest(request, None)

    def backtest_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        """Begin to try what the page says, or the saved rule, on the events of some days."""
        return self._start_backtest(request, rule)

    def backtest_progress_view(self, request: HttpRequest) -> HttpResponse:
        """Show how far it is and what came of it; by POST stop it."""
        job = _job_of(request.GET.get("job", ""))
        if job is None:
            return self._backtest(request, None, [_("There is no such backtest.")])
        return self._backtest(request, running.cancel(job) if request.method == "POST" else job)

    def _try(self, request: HttpRequest, rule: Rule | None) -> HttpResponse:
        place = place_of(request)
        if place is None:
            raise PermissionDenied
        document, problems = _document_of(request, rule)
        words = None
        if document is not None:
            compiled = compile_rule(rule.pk if rule else new_id(), new_id(), document)
            name = rule.name if rule else compiled.document.name or ""
            try:
                trial = tried(compiled, name, request.POST.get("try-on", ""), place.organization)
                words = trial_words(trial, document, OrganizationCatalogue())
            except NothingToTry as error:
                problems.append(str(error))
        return TemplateResponse(request, "admin/rules/rule/trial.html", {"trial": words, "problems": problems})

    def _start_backtest(self, request: HttpRequest, rule: Rule | None) -> HttpResponse:
        document, problems = _document_of(request, rule)
        if document is None:
            return self._backtest(request, None, problems)
        days = request.POST.get("backtest-days", "")
        span = timedelta(days=int(days) if days in map(str, DAYS) else DAYS[1])
        try:
            job = start_backtest({"since": clock.now() - span, "limit": MOST_EVENTS}, document, rule)
        except ApiProblem as problem:
            return self._backtest(request, None, [str(problem.detail)])
        return self._backtest(request, job)

    def _backtest(self, request: HttpRequest, job: Job | None, problems: list[str] | None = None) -> HttpResponse:
        address = f"{self.address('backtest_progress_view')}?job={job.pk}" if job is not None else ""
        context = {"words": BacktestWords(job) if job else None, "progress_address": address, "problems": problems}
        return TemplateResponse(request, "admin/rules/rule/backtest.html", context)


def _document_of(request: HttpRequest, rule: Rule | None) -> tuple[dict[str, Any] | None, list[str]]:
    """Return what the page says, checked, or what is wrong with it; the live version where it says nothing."""
    if "base" not in request.POST:
        return (dict(authoring.live_version(rule).document), []) if rule is not None else (None, [])
    if not may(request, Permission.WRITE):
        raise PermissionDenied
    catalogue = OrganizationCatalogue()
    try:
        draft = RuleDraft.of_post(request.POST, catalogue)
    except Unreadable as error:
        return None, [str(error)]
    document = draft.document()
    if document is None:
        return None, draft.everything_wrong()
    problems = [problem for problem in check(document, catalogue).problems if problem.attr != "name"]
    if problems:
        return None, [f"{problem.attr}: {problem.detail}" if problem.attr else problem.detail for problem in problems]
    document["name"] = document.get("name") or None
    return document, []


def _job_of(text: str) -> Job | None:
    try:
        job: Job | None = Job.objects.filter(pk=uuid.UUID(text), kind=_KIND).first()
    except ValueError:
        return None
    return job
