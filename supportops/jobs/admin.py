"""The admin's pages of long work: how far it is, what came of it, stop and go on."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from supportops.jobs import running
from supportops.jobs.kinds import title_of
from supportops.jobs.models import Job, JobStatus
from supportops.tenancy.admin import may
from supportops.tenancy.lists import ListAdmin
from supportops.tenancy.pages import Page
from supportops.tenancy.roles import Permission
from supportops.tenancy.templatetags.admin_parts import badge

OPEN = (JobStatus.PENDING, JobStatus.RUNNING)


@admin.register(Job)
class JobAdmin(ListAdmin):
    """Long work, newest first. It is started elsewhere."""

    add_permission = change_permission = delete_permission = None
    list_display: ClassVar = ["begun", "what", "state", "progress", "author"]
    pages: ClassVar = (
        Page("progress", "progress_view", Permission.READ, methods=("GET",)),
        Page("cancel", "cancel_view", Permission.EXECUTE),
        Page("resume", "resume_view", Permission.EXECUTE),
    )

    @admin.display(description=gettext_lazy("begun (UTC)"))
    def begun(self, job: Job) -> str:
        return f"{job.created_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description=gettext_lazy("what"))
    def what(self, job: Job) -> str:
        return title_of(job.kind)

    @admin.display(description=gettext_lazy("status"))
    def state(self, job: Job) -> SafeString:
        return badge(job.status)

    @admin.display(description=gettext_lazy("done"))
    def progress(self, job: Job) -> str:
        return f"{job.done} / {job.total}" if job.total else str(job.done)

    def list_title(self) -> str:
        return _("Long work")

    def empty_state(self, request: HttpRequest) -> dict[str, str]:
        text = _("Replays and retries of many, imports and backtests run as jobs: how far each is stands here.")
        return {"title": _("No long work yet"), "text": text, "address": "", "label": ""}

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id) if object_id is not None else None
        if object_id is None or request.method != "GET" or not self.has_view_permission(request, job):
            raise PermissionDenied
        if job is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        return self.shown(
            request, "admin/jobs/job/page.html", title_of(job.kind), original=job, **context_of(request, job)
        )

    def progress_view(self, request: HttpRequest, job: Job) -> HttpResponse:
        return TemplateResponse(request, "admin/jobs/job/progress.html", context_of(request, job))

    def cancel_view(self, request: HttpRequest, job: Job) -> HttpResponse:
        if job.status not in OPEN:
            return self.back(request, job, said=_("It has ended already."), level=messages.WARNING)
        running.cancel(job)
        return self.back(request, job, said=_("It stops after the slice under way. What is done stays done."))

    def resume_view(self, request: HttpRequest, job: Job) -> HttpResponse:
        if job.status not in (JobStatus.CANCELLED, JobStatus.FAILED):
            said = _("Only what was stopped or has failed can go on.")
            return self.back(request, job, said=said, level=messages.WARNING)
        running.resume(job)
        return self.back(request, job, said=_("It goes on where it stopped."))


def context_of(request: HttpRequest, job: Job) -> dict[str, Any]:
    """Return what the part that shows a job's progress needs."""
    return {
        "job": job,
        "job_title": title_of(job.kind),
        "is_open": job.status in OPEN,
        "is_stopping": job.status in OPEN and job.cancel_requested_at is not None,
        "may_act": may(request, Permission.EXECUTE),
        "may_resume": job.status in (JobStatus.CANCELLED, JobStatus.FAILED),
    }
