"""Admin pages beyond Django's own: what can be done to a row, each with its address, permission and method."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from supportops.tenancy.admin import ScopedAdmin, may
from supportops.tenancy.roles import Permission


@dataclass(frozen=True)
class Page:
    """An address below a row (or below the list): `view` names the admin's method that answers there."""

    path: str
    view: str
    permission: Permission
    methods: tuple[str, ...] = ("POST",)
    of_row: bool = True


@dataclass
class Asked:
    """What a person is asked before something is done to many rows: a question, the button's words, what it touches."""

    question: str
    label: str
    touches: list[str]
    is_danger: bool = False
    # Further choices: {"name", "label", "options": [(value, name)]}.
    choices: list[dict[str, Any]] = field(default_factory=list)


class PagedAdmin(ScopedAdmin):
    """An admin with `pages`. A method of a row's page gets the request and the row, looked up within the scope."""

    pages: ClassVar[Sequence[Page]] = ()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<path:object_id>/{page.path}/" if page.of_row else f"{page.path}/",
                self.admin_site.admin_view(partial(self._serve, page)),
                name=self.name_of(page.view),
            )
            for page in self.pages
        ]
        return [*own, *super().get_urls()]

    def name_of(self, view: str) -> str:
        """Return the name of an address of this admin, without the site's."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{view}"

    def address(self, view: str, *arguments: Any) -> str:
        """Return the address of one of this admin's views."""
        return reverse(f"admin:{self.name_of(view)}", args=[quote(str(item)) for item in arguments])

    def _serve(self, page: Page, request: HttpRequest, object_id: str = "") -> HttpResponse:
        if not may(request, page.permission):
            raise PermissionDenied
        if request.method not in page.methods:
            return HttpResponseNotAllowed(page.methods)
        view: Callable[..., HttpResponse] = getattr(self, page.view)
        if not page.of_row:
            return view(request)
        row = self.get_object(request, unquote(object_id))
        if row is None:
            response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return response
        return view(request, row)

    def shown(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        """Return a page of the admin, made from `template`."""
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": title,
                "media": self.media,
                "may": {str(permission): may(request, permission) for permission in Permission},
                **context,
            },
        )

    def asked(self, request: HttpRequest, asked: Asked, rows: Sequence[Any], items: Sequence[str]) -> TemplateResponse:
        """Return the page that asks before a list's action: the same action again, confirmed, on these rows."""
        kept = [("action", request.POST.get("action", "")), *(("_selected_action", str(row.pk)) for row in rows)]
        return self.shown(
            request,
            "admin/parts/confirm.html",
            asked.question,
            **vars(asked),
            items=items,
            kept=kept,
            action_address=request.get_full_path(),
            back_address=request.get_full_path(),
        )

    def back(self, request: HttpRequest, row: Any, *, said: str = "", level: int = messages.SUCCESS) -> HttpResponse:
        """Return to the row's page and say there what came of it."""
        if said:
            messages.add_message(request, level, said)
        return HttpResponseRedirect(self.address("change", row.pk))
