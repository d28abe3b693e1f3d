"""The gallery in the admin: its templates as cards, and the form that makes rules of one."""

from itertools import groupby

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from rules import gallery, installing
from rules.cron import SCHEDULE
from rules.forms import connector_of
from rules.gallery import Template
from rules.problems import Refused
from rules.template_forms import TemplateForms
from rules.workflow_faces import action_icon
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission
from supportops.texts import translated

PAGES = (
    Page("templates", "templates_view", Permission.READ, methods=("GET",), of_row=False),
    Page("install", "install_view", Permission.WRITE, of_row=False),
)


class TemplatePages(PagedAdmin):
    """What the admin of rules has beside its own pages."""

    list_before_template = "admin/rules/rule/list_links.html"

    def templates_view(self, request: HttpRequest) -> HttpResponse:
        """Show the gallery, or the form of one template."""
        chosen = _chosen(request)
        if chosen is not None:
            return self._template_page(request, TemplateForms(chosen))
        by_group = groupby(gallery.templates().values(), key=lambda template: template.group)
        groups = [(group, [(one, _icons(one)) for one in templates]) for group, templates in by_group]
        keys = sorted({key for one in gallery.templates().values() for key in one.platforms})
        platforms = [(key, _name(key), _icon(key)) for key in keys]
        return self.shown(
            request, "admin/rules/rule/templates.html", _("Templates"), groups=groups, platforms=platforms
        )

    def install_view(self, request: HttpRequest) -> HttpResponse:
        """Make the rules of a template, and go to the first of them."""
        chosen = _chosen(request)
        if chosen is None:
            messages.error(request, _("There is no such template."))
            return HttpResponseRedirect(self.address("templates_view"))
        forms = TemplateForms(chosen, request.POST)
        if forms.is_valid():
            try:
                created = installing.install(
                    chosen,
                    forms.parameters.values(),
                    name=forms.basics.cleaned_data["name"].strip(),
                    is_enabled=forms.basics.cleaned_data["enabled"],
                    author=request.user.get_username(),
                )
            except Refused as refusal:
                forms.show(refusal.problems)
            else:
                for warning in dict.fromkeys(warning for _rule, warnings in created for warning in warnings):
                    messages.warning(request, warning)
                names = ", ".join(rule.name for rule, _warnings in created)
                said = _("Made: %(names)s. Look it through, try it below, and switch it on.") % {"names": names}
                return self.back(request, created[0][0], said=said)
        return self._template_page(request, forms)

    def _template_page(self, request: HttpRequest, forms: TemplateForms) -> HttpResponse:
        return self.shown(
            request,
            "admin/rules/rule/template.html",
            translated(forms.template.title),
            chosen=forms.template,
            basics=forms.basics,
            parameters=forms.parameters,
            problems=forms.problems,
        )


def _icons(template: Template) -> list[tuple[str, str]]:
    """Return the name and symbol of each platform of a template."""
    return [(_name(key), _icon(key)) for key in template.platforms]


def _icon(key: str) -> str:
    return "schedule" if key == SCHEDULE else action_icon(key, "")


def _name(key: str) -> str:
    if key == SCHEDULE:
        return _("Set times")
    connector = connector_of(key)
    return connector.name if connector is not None else key


def _chosen(request: HttpRequest) -> Template | None:
    return gallery.templates().get(request.GET.get("template", ""))
