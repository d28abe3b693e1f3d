"""The admin's pages of lookup tables: typed, pasted or uploaded as CSV or JSON, and downloaded again."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from rules import lookup_tables
from rules.api_tables import table_file
from rules.models import LookupTable
from rules.problems import Refused
from rules.table_text import MOST_BYTES, as_csv, as_json, fits_csv, read_table
from supportops import odd_json
from supportops.tenancy.admin import ScopedModelForm
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission

# A larger table is changed by a file.
_MOST_TYPED = 100_000
_MOST_SHOWN = 50
_FIELDS = {"rows": "text"}


class LookupTableForm(ScopedModelForm):
    """A table. Its rows are a text, or a file, which comes first."""

    text = forms.CharField(
        label=gettext_lazy("Rows"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false", "class": "font-mono"}),
        help_text=gettext_lazy(
            "CSV with a header (key,value; or key and further columns, which make each row an object), or JSON."
        ),
    )
    upload = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget(),
        help_text=gettext_lazy("CSV or JSON, in UTF-8. Takes the place of all rows."),
    )

    class Meta:
        model = LookupTable
        fields: ClassVar = ["name", "description"]
        help_texts: ClassVar = {"name": gettext_lazy('Rules read a row as vars.NAME["key"].')}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_typed = self.instance._state.adding or self.instance.size <= _MOST_TYPED
        if not self.instance._state.adding:
            if self.is_typed:
                rows = self.instance.rows
                self.initial["text"] = as_csv(rows) if fits_csv(rows) else as_json(rows)
            else:
                self.fields["text"].help_text = _("Too large to be shown here. Left empty, the rows stay as they are.")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        upload = cleaned.get("upload")
        try:
            if upload is not None:
                cleaned["rows"] = read_table(_decoded(upload))
            elif self.is_typed or (cleaned.get("text") or "").strip():
                text = cleaned.get("text") or ""
                cleaned["rows"] = read_table(text) if text.strip() else {}
        except Refused as refused:
            for problem in refused.problems:
                self.add_error("upload" if upload is not None else "text", ValidationError(problem.detail))
        return cleaned

    def given(self) -> dict[str, Any]:
        """Return what the deeds take."""
        return {name: self.cleaned_data[name] for name in ("name", "description", "rows") if name in self.cleaned_data}


def _decoded(upload: Any) -> str:
    if upload.size > MOST_BYTES * 4:
        raise ValidationError({"upload": _("The file is larger than %(size)s KiB.") % {"size": MOST_BYTES * 4 // 1024}})
    raw: bytes = upload.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        told = _("Line %(line)s is not UTF-8: save the file as UTF-8.") % {"line": line}
        raise ValidationError({"upload": told}) from None


@admin.register(LookupTable)
class LookupTableAdmin(PagedAdmin):
    """Lookup tables."""

    form = LookupTableForm
    list_display: ClassVar = ["name", "description", "row_count", "updated_at"]
    search_fields: ClassVar = ["name", "description"]
    pages: ClassVar = (
        Page("csv", "csv_view", Permission.READ, methods=("GET",)),
        Page("json", "json_view", Permission.READ, methods=("GET",)),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = ["name", "description", "text", "upload"]
        if obj is None:
            return fields
        if not self.has_change_permission(request, obj):
            fields = ["name", "description"]
        return [*fields, "shown_rows", "named_by", "downloads"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["shown_rows", "named_by", "downloads"] if obj else []

    def get_queryset(self, request: HttpRequest) -> "QuerySet[LookupTable]":
        # Lists do without them; a page of one table asks for its own.
        tables: QuerySet[LookupTable] = super().get_queryset(request)
        return tables.defer("rows")

    @admin.display(description=gettext_lazy("Rows at present"))
    def shown_rows(self, row: LookupTable) -> SafeString:
        shown = [(key, _shown(value)) for key, value in list(row.rows.items())[:_MOST_SHOWN]]
        lines = format_html_join("", "<tr><td><code>{}</code></td><td>{}</td></tr>", shown)
        more = row.row_count - len(shown)
        rest = _("… and %(count)s more") % {"count": more} if more > 0 else ""
        head = format_html("<thead><tr><th>{}</th><th>{}</th></tr></thead>", _("Key"), _("Value"))
        return format_html('<table class="so-table">{}<tbody>{}</tbody></table>{}', head, lines, rest)

    @admin.display(description=gettext_lazy("Named by"))
    def named_by(self, row: LookupTable) -> str:
        return ", ".join(lookup_tables.rules_naming(row.name)) or _("no rule yet")

    @admin.display(description=gettext_lazy("Download"))
    def downloads(self, row: LookupTable) -> SafeString:
        forms_of_it = [("csv_view", "CSV")] if fits_csv(row.rows) else []
        links = [(self.address(view, row.pk), name) for view, name in [*forms_of_it, ("json_view", "JSON")]]
        return format_html_join(" ", '<a class="so-button" href="{}">{}</a>', links)

    def csv_view(self, request: HttpRequest, row: LookupTable) -> HttpResponse:
        """The rows as CSV."""
        try:
            return table_file(row, "csv")
        except Refused as refused:
            return self.back(request, row, said=str(refused), level=messages.ERROR)

    def json_view(self, request: HttpRequest, row: LookupTable) -> HttpResponse:
        """The rows as JSON."""
        return table_file(row, "json")

    def save_model(self, request: HttpRequest, obj: LookupTable, form: Any, change: bool) -> None:
        try:
            if change:
                lookup_tables.change_table(LookupTable.objects.get(pk=obj.pk), **form.given())
            else:
                obj.__dict__.update(lookup_tables.create_table(**{"rows": {}, **form.given()}).__dict__)
        except Refused as refused:
            raise ValidationError([problem.detail for problem in refused.problems]) from None

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = self.get_object(request, object_id) if request.method == "GET" else None
        if row is not None and self.has_delete_permission(request, row):
            self._warn(request, lookup_tables.rules_naming(row.name))
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: LookupTable) -> None:
        self._warn(request, lookup_tables.delete_table(obj))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[LookupTable]") -> None:
        with transaction.atomic():
            for row in queryset:
                self._warn(request, lookup_tables.delete_table(row))

    def _warn(self, request: HttpRequest, names: list[str]) -> None:
        if told := lookup_tables.told_of(names):
            messages.warning(request, told)


def _shown(value: Any) -> str:
    return (value if isinstance(value, str) else odd_json.dumps(value).decode())[:200]
