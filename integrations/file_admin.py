"""The admin's pages of the organization's files: upload, look, download, delete."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from integrations import files
from integrations.api_files import download_of
from integrations.attachments import MOST_BYTES
from integrations.models import StoredFile
from supportops.tenancy.admin import ScopedModelForm
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission


class UploadForm(ScopedModelForm):
    """A new file."""

    upload = forms.FileField(
        label=gettext_lazy("File"),
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget(),
        help_text=gettext_lazy("At most 25 MiB."),
    )
    name = forms.CharField(
        required=False,
        max_length=255,
        label=gettext_lazy("Name"),
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("What actions name it by; the file's own name when left empty."),
    )

    class Meta:
        model = StoredFile
        fields: ClassVar = ["name"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        upload = cleaned.get("upload")
        if upload is not None:
            if upload.size > MOST_BYTES:
                raise ValidationError({"upload": files.too_large()})
            cleaned["name"] = (cleaned.get("name") or upload.name or "").strip()
            if StoredFile.objects.filter(name=cleaned["name"]).exists():
                raise ValidationError(
                    {"name": _("There is a file '%(name)s' already. Names are unique.") % {"name": cleaned["name"]}}
                )
        return cleaned


@admin.register(StoredFile)
class StoredFileAdmin(PagedAdmin):
    """Files that actions send."""

    change_permission = None
    list_display: ClassVar = ["name", "content_type", "shown_size", "created_at", "created_by"]
    search_fields: ClassVar = ["name"]
    pages: ClassVar = (Page("content", "content_view", Permission.READ, methods=("GET",)),)

    @admin.display(description=gettext_lazy("size"), ordering="size")
    def shown_size(self, row: StoredFile) -> str:
        return str(filesizeformat(row.size))

    @admin.display(description=gettext_lazy("content"))
    def download(self, row: StoredFile) -> SafeString:
        return format_html('<a class="so-button" href="{}">{}</a>', self.address("content_view", row.pk), _("Download"))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Say what goes: the files. Django would list their contents beside them, by rows that have no names."""
        names = [str(row) for row in objs]
        denied = set() if self.has_delete_permission(request) else {"stored file"}
        return names, {_("stored files"): len(names)}, denied, []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = UploadForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return ["upload", "name"]
        return ["name", "content_type", "shown_size", "sha256", "created_at", "created_by", "download"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj) if obj else []

    def save_model(self, request: HttpRequest, obj: StoredFile, form: Any, change: bool) -> None:
        upload = form.cleaned_data["upload"]
        made = files.create_file(form.cleaned_data["name"], upload.read(), upload.content_type or "")
        obj.__dict__.update(made.__dict__)

    def content_view(self, request: HttpRequest, row: StoredFile) -> HttpResponse:
        """The bytes of the file."""
        return download_of(row)

    def delete_model(self, request: HttpRequest, obj: StoredFile) -> None:
        files.delete_file(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[StoredFile]") -> None:
        with transaction.atomic():
            for row in queryset:
                files.delete_file(row)
