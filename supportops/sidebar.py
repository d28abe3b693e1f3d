"""What the admin's frame shows: where the person works, and the way to every page that his role opens."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from supportops.tenancy.admin import may, place_of
from supportops.tenancy.roles import Permission
from supportops.texts import translated

# Longer lists are for the page of all organizations.
_MOST_OFFERED = 12


def organization_name(request: HttpRequest) -> str:
    """Return the name of the organization in scope, with the person's role there."""
    place = place_of(request)
    return f"{place.organization.name} · {translated(str(place.role))}" if place else ""


def installation_label(request: HttpRequest) -> list[str] | None:
    """Return the operator's word for this installation and its colour; None without one."""
    return [settings.INSTALLATION_LABEL, "warning"] if settings.INSTALLATION_LABEL else None


def installation_warnings(request: HttpRequest) -> dict[str, Any]:
    """Return what every page of the admin warns of, for its template."""
    place = place_of(request)
    is_sandbox = place is not None and place.organization.works_in_sandbox
    return {
        "installation_warning": _(
            "Scripts run on this machine without a sandbox (SUPPORTOPS_SCRIPTS=host): whoever may write a rule may do "
            "whatever SupportOps may."
        )
        if settings.SCRIPTS == "host"
        else "",
        "works_in_sandbox": is_sandbox,
    }


def switcher(request: HttpRequest) -> dict[str, Any]:
    """Return where the person works and his other organizations, for the frame; nothing for whoever has one alone."""
    places = getattr(request, "places", [])
    if len(places) < 2 and not getattr(getattr(request, "user", None), "is_superuser", False):
        return {}
    return {"switcher": {"present": place_of(request), "places": places[:_MOST_OFFERED]}}


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """Return what stands in the person's own menu."""
    return [
        {"title": _("Change organization"), "link": reverse("choose-organization")},
        {"title": _("Your account"), "link": reverse("account")},
    ]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups with the pages that the person may open."""
    if not request.user.is_authenticated:
        return []
    groups = [
        _group("", [(_("Overview"), "dashboard", "admin:index")]),
    ]
    if may(request, Permission.READ):
        groups.append(
            _group(
                _("Automation"),
                [
                    (_("Rules"), "rule", "admin:rules_rule_changelist"),
                    (_("Integrations"), "hub", "admin:integrations_integration_changelist"),
                ],
            )
        )
        history = [
            (_("Find a ticket"), "manage_search", "admin:webhooks_delivery_story_view"),
            (_("Runs"), "play_circle", "admin:rules_run_changelist"),
            (_("Deliveries"), "move_to_inbox", "admin:webhooks_delivery_changelist"),
            (_("Dead letters"), "report", "admin:webhooks_delivery_dead_letters_view"),
            (_("Long work"), "hourglass_top", "admin:jobs_job_changelist"),
            (_("Audit log"), "fact_check", "admin:audit_auditentry_changelist"),
        ]
        place = place_of(request)
        if place is not None and place.organization.works_in_sandbox:
            history.insert(0, (_("Sandbox"), "experiment", "admin:integrations_sandboxarrival_changelist"))
        groups.append(_group(_("History"), history))
        own = [
            (_("Integration types"), "extension", "admin:integrations_integrationtype_changelist"),
            (_("Environments"), "layers", "admin:tenancy_environment_changelist"),
            (_("Recipients"), "contact_mail", "admin:rules_recipientlist_changelist"),
            (_("Lookup tables"), "table", "admin:rules_lookuptable_changelist"),
            (_("Calendars"), "calendar_month", "admin:rules_calendar_changelist"),
            (_("Variables"), "data_object", "admin:rules_variable_changelist"),
            (_("Files"), "attach_file", "admin:integrations_storedfile_changelist"),
            (_("Scripts"), "terminal", "admin:integrations_script_changelist"),
            (_("Notifications"), "notifications", "admin:integrations_notificationtarget_changelist"),
        ]
        if may(request, Permission.ADMIN):
            own += [
                (_("Members"), "group", "admin:tenancy_membership_changelist"),
                (_("API tokens"), "key", "admin:people_apitoken_changelist"),
            ]
        groups.append(_group(_("Organization"), own))
    if getattr(request.user, "is_superuser", False):
        installation = [
            (_("Organizations"), "domain", "admin:tenancy_organization_changelist"),
            (_("People"), "badge", "admin:people_user_changelist"),
            (_("Script grant"), "policy", "admin:integrations_scriptgrant_changelist"),
        ]
        groups.append(_group(_("Installation"), installation))
    _mark_present(request.path, [item for group in groups for item in group["items"]])
    return groups


def _mark_present(path: str, items: list[dict[str, Any]]) -> None:
    """Mark the item whose pages the person is on: of two, the one with the longer address."""
    at = [item for item in items if path == item["link"] or (path.startswith(item["link"]) and item is not items[0])]
    present = max(at, key=lambda item: len(item["link"]), default=None)
    for item in items:
        item["active"] = item is present


def _group(title: str, items: list[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "title": title,
        "separator": bool(title),
        "items": [{"title": name, "icon": icon, "link": reverse(address)} for name, icon, address in items],
    }
