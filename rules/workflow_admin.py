"""The picture of a rule in the admin: of its live version and of earlier ones."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from rules.catalogue import OrganizationCatalogue
from rules.models import Rule, RuleVersion
from rules.template_admin import TemplatePages
from rules.workflow import workflow_of
from rules.workflow_faces import picture_of
from supportops.tenancy.pages import Page
from supportops.tenancy.roles import Permission

PAGES = (Page("workflow", "workflow_view", Permission.READ, methods=("GET",)),)
_PAGE = "admin/rules/rule/workflow.html"


class WorkflowPages(TemplatePages):
    """What the admin of rules has for seeing and changing steps as a picture."""

    def workflow_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        """Show a version of a rule as a picture: the live one, or the one that `?version=` names."""
        asked = request.GET.get("version", "")
        number = int(asked) if asked.isdigit() and len(asked) < 10 else rule.version
        version = RuleVersion.objects.filter(rule=rule, number=number).first()
        if version is None:
            messages.error(request, f"There is no version {number} of {rule.name}.")
            return HttpResponseRedirect(request.path)
        document = {"name": rule.name, "enabled": rule.is_enabled, **version.document}
        config: dict[str, Any] = {
            "mode": "picture",
            "drawing": picture_of(workflow_of(document), OrganizationCatalogue()),
        }
        return self.shown(
            request,
            _PAGE,
            f"Workflow of {rule.name}",
            rule=rule,
            original=rule,
            version=version,
            is_live=number == rule.version,
            config=config,
        )
