"""What the audit log's list can be narrowed by."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from audit import vocabulary
from audit.recording import resource_type_of
from supportops.tenancy.list_filters import ChoiceFilter, TextFilter
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.templatetags.admin_parts import words


def resource_types() -> list[str]:
    """Return the kinds of resources that entries are about, without asking the log."""
    named = {name.partition(".")[0] for name in vocabulary.names() if "." in name}
    models = {resource_type_of(model) for model in apps.get_models() if issubclass(model, OrganizationOwned)}
    return sorted(named | models | {"organization", "user"})


class ActionFilter(ChoiceFilter):
    """Offers what the vocabulary knows."""

    title = gettext_lazy("action")
    parameter_name = "action"
    led_by = "index"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [(name, name) for name in vocabulary.names()]


class ResourceFilter(ChoiceFilter):
    title = gettext_lazy("resource")
    parameter_name = "resource_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [(kind, words(kind)) for kind in resource_types()]


class ActorFilter(ChoiceFilter):
    title = gettext_lazy("actor")
    parameter_name = "actor_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("user", gettext_lazy("people")),
            ("token", gettext_lazy("API tokens")),
            ("platform", gettext_lazy("platforms")),
            ("system", gettext_lazy("the system")),
        ]


class ResourceIdFilter(TextFilter):
    title = gettext_lazy("resource (id)")
    parameter_name = "resource_id"
