"""The admin's pages that take a `.env` file in as variables: give it, look at the plan and correct it, confirm."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from rules import env_import
from rules.env_file import MOST_BYTES
from rules.env_import import Planned
from rules.env_upload import NoLongerValid, opened_text, sealed_text
from rules.problems import Refused
from supportops.tenancy.models import Environment
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission

PAGES = (Page("import", "import_view", Permission.WRITE, methods=("GET", "POST"), of_row=False),)

_FIELDS = {"environment": "stage", "secret": "is_secret", "value": "is_secret"}
_ACTIONS = {
    "created": gettext_lazy("new"),
    "changed": gettext_lazy("replaces the stored one"),
    "unchanged": gettext_lazy("unchanged"),
    "skipped": gettext_lazy("left out"),
}


class EnvUploadForm(forms.Form):
    """A `.env` file, or its text."""

    upload = forms.FileField(
        label=gettext_lazy("File"), required=False, allow_empty_file=True, widget=UnfoldAdminFileFieldWidget()
    )
    text = forms.CharField(
        label=gettext_lazy("Or its text"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 10, "spellcheck": "false", "autocomplete": "off", "class": "font-mono"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        upload = cleaned.get("upload")
        if upload is not None:
            cleaned["text"] = _decoded(upload)
        elif not (cleaned.get("text") or "").strip():
            raise ValidationError(_("Choose a file, or paste its text."))
        return cleaned


class EnvRowForm(forms.Form):
    """One variable of the plan, as a person corrects it."""

    take = forms.BooleanField(label=gettext_lazy("Take it"), required=False, widget=UnfoldBooleanWidget())
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63, widget=UnfoldAdminTextInputWidget())
    stage = forms.ChoiceField(label=gettext_lazy("Environment"), required=False, widget=UnfoldAdminSelectWidget())
    is_secret = forms.BooleanField(label=gettext_lazy("Secret"), required=False, widget=UnfoldBooleanWidget())
    hosts = forms.CharField(
        label=gettext_lazy("Hosts"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def __init__(self, planned: Planned, stages: Sequence[str], data: Any = None) -> None:
        initial = {
            "take": planned.action != "skipped",
            "name": planned.name,
            "stage": planned.environment or "",
            "is_secret": planned.is_secret,
            "hosts": " ".join(planned.hosts),
        }
        super().__init__(data, prefix=f"line{planned.entry.line}", initial=initial)
        stage: Any = self.fields["stage"]
        stage.choices = [("", _("all environments")), *((name, name) for name in stages)]
        for name in ("take", "is_secret"):
            self.fields[name].is_checkbox = True  # type: ignore[attr-defined]
        self.planned = planned

    def correction(self) -> dict[str, Any]:
        """Return what a person wants of this line."""
        given = self.cleaned_data
        hosts = given["hosts"].replace(",", " ").split() if given["is_secret"] else []
        return {
            "skip": not given["take"],
            "name": given["name"],
            "environment": given["stage"] or None,
            "secret": given["is_secret"],
            "hosts": hosts,
        }

    def show(self, planned: Planned) -> None:
        """Take over what is known of the corrected line, with what stands against it."""
        self.planned = planned
        for problem in planned.problems:
            name = _FIELDS.get(problem.attr.partition(".")[0], problem.attr.partition(".")[0])
            self.add_error(name if name in self.fields else None, ValidationError(problem.detail))

    @property
    def checks(self) -> list[forms.BoundField]:
        """The fields that are ticked."""
        return [self["take"], self["is_secret"]]

    @property
    def places(self) -> list[forms.BoundField]:
        """The fields that say what it becomes."""
        return [self["name"], self["stage"], self["hosts"]]

    @property
    def action_label(self) -> str:
        """What taking the line in would do."""
        return str(_ACTIONS[self.planned.action])


class EnvPages(PagedAdmin):
    """What the admin of variables has beside its own pages."""

    pages: ClassVar = PAGES
    list_before_template = "admin/rules/variable/list_links.html"

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file, show its plan, or do what was confirmed."""
        if request.method == "GET":
            return self._upload_page(request, EnvUploadForm())
        if "sealed" in request.POST:
            return self._confirmed(request)
        form = EnvUploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._upload_page(request, form)
        text = form.cleaned_data["text"]
        try:
            planned = env_import.plan(text)
        except Refused as refused:
            for problem in refused.problems:
                form.add_error(None, problem.detail)
            return self._upload_page(request, form)
        stages = _stages()
        return self._plan_page(request, text, [EnvRowForm(item, stages) for item in planned])

    def _confirmed(self, request: HttpRequest) -> HttpResponse:
        try:
            text = opened_text(request.POST["sealed"], _person(request))
        except NoLongerValid:
            messages.error(request, _("The file was given too long ago. Choose it again."))
            return HttpResponseRedirect(self.address("import_view"))
        stages = _stages()
        rows = [EnvRowForm(item, stages, request.POST) for item in env_import.plan(text)]
        # Each is asked, so that each shows what is wrong with it.
        if sum(not row.is_valid() for row in rows):
            return self._plan_page(request, text, rows)
        planned = env_import.plan(text, {row.planned.entry.line: row.correction() for row in rows})
        for row, item in zip(rows, planned, strict=True):
            row.show(item)
        if any(item.problems for item in planned):
            return self._plan_page(request, text, rows)
        try:
            env_import.take_in(planned)
        except Refused as refused:
            # Somebody else made one of them in between.
            for problem in refused.problems:
                messages.error(request, problem.detail)
            return self._plan_page(request, text, rows)
        count = sum(item.action in ("created", "changed") for item in planned)
        told = ngettext("%(count)s variable was written.", "%(count)s variables were written.", count)
        messages.success(request, told % {"count": count})
        return HttpResponseRedirect(self.address("changelist"))

    def _upload_page(self, request: HttpRequest, form: EnvUploadForm) -> HttpResponse:
        return self.shown(request, "admin/rules/variable/import.html", _("Import a .env file"), form=form)

    def _plan_page(self, request: HttpRequest, text: str, rows: Sequence[EnvRowForm]) -> HttpResponse:
        sealed = sealed_text(text, _person(request))
        title = _("Import: what would be written")
        wrong = sum(bool(row.errors) for row in rows if row.is_bound)
        response = self.shown(request, "admin/rules/variable/plan.html", title, rows=rows, sealed=sealed, wrong=wrong)
        response["Cache-Control"] = "no-store"
        return response


def _stages() -> list[str]:
    return list(Environment.objects.values_list("name", flat=True))


def _person(request: HttpRequest) -> Any:
    return request.user.pk


def _decoded(upload: Any) -> str:
    if upload.size > MOST_BYTES:
        raise ValidationError({"upload": _("The file is larger than %(size)s KiB.") % {"size": MOST_BYTES // 1024}})
    raw: bytes = upload.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        told = _("Line %(line)s is not UTF-8: save the file as UTF-8.") % {"line": line}
        raise ValidationError({"upload": told}) from None
