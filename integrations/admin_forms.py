"""The forms of one integration's page: its name and place, credentials, configuration, webhook."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from integrations.base import BaseIntegration
from integrations.forms import CredentialsForm, SettingsForm, choices_address
from integrations.lifecycle import WebhookWishes
from integrations.models import Endpoint, Integration
from integrations.refusals import Problem
from supportops.tenancy.models import Environment

_SCHEMES = {
    "shared_secret": gettext_lazy("shared_secret: the sender shows a secret with each call"),
    "hmac": gettext_lazy("hmac: signed by Standard Webhooks"),
    "standard_webhooks": gettext_lazy("standard_webhooks: signed by Standard Webhooks"),
    "hmac_sha256": gettext_lazy("hmac_sha256: HMAC-SHA256 with a header of your choice"),
}
# Options of the schemes.
_OPTIONS = {
    "header": gettext_lazy("Header"),
    "timestamp_header": gettext_lazy("Timestamp header"),
    "encoding": gettext_lazy("Encoding"),
    "prefix": gettext_lazy("Prefix"),
    "separator": gettext_lazy("Separator"),
    "scheme": gettext_lazy("Scheme"),
}


class BasicsForm(forms.Form):
    """What every integration has."""

    name = forms.CharField(
        max_length=200,
        label=gettext_lazy("Name"),
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("Rules may name the integration by it."),
    )
    environment = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Environment"),
        widget=UnfoldAdminSelectWidget(),
        help_text=gettext_lazy("Rules of an environment take its own integration first."),
    )
    enabled = forms.BooleanField(
        required=False,
        label=gettext_lazy("Enabled"),
        widget=UnfoldBooleanWidget(),
        help_text=gettext_lazy("Switched off, nothing is sent and deliveries are refused."),
    )

    reconcile = forms.BooleanField(
        required=False,
        label=gettext_lazy("Look for what was missed"),
        widget=UnfoldBooleanWidget(),
        help_text=gettext_lazy(
            "Every 15 minutes: what changed there without a webhook of it reaching us. It runs as late."
        ),
    )

    def __init__(
        self, data: Any = None, *, row: Integration | None = None, suggested: str = "", can_reconcile: bool = False
    ) -> None:
        super().__init__(data, prefix="basics")
        _field(self, "reconcile").is_checkbox = True
        if row is None or not can_reconcile:
            del self.fields["reconcile"]
        names = Environment.objects.values_list("name", flat=True)
        _field(self, "environment").choices = [("", _("all environments")), *((name, name) for name in names)]
        _field(self, "enabled").is_checkbox = True
        if row is None:
            del self.fields["enabled"]
        self.initial = {
            "name": row.name if row else suggested,
            "environment": row.environment.name if row and row.environment else "",
            "enabled": row.is_enabled if row else True,
            "reconcile": row.is_reconciled if row else False,
        }


class WebhookForm(forms.Form):
    """How the platform's requests are recognised."""

    scheme = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Scheme"),
        widget=UnfoldAdminSelectWidget(),
        help_text=gettext_lazy("Nothing else is taken at this address."),
    )
    secret = forms.CharField(
        required=False,
        strip=False,
        max_length=1000,
        label=gettext_lazy("Signing secret"),
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    allowed_ips = forms.CharField(
        required=False,
        label=gettext_lazy("Allowed senders"),
        widget=UnfoldAdminExpandableTextareaWidget(),
        help_text=gettext_lazy("Addresses or networks such as 203.0.113.0/24, one to a line. Empty: all."),
    )

    def __init__(self, connector: type[BaseIntegration], data: Any = None, *, endpoint: Endpoint | None = None) -> None:
        super().__init__(data, prefix="webhook")
        self.endpoint = endpoint
        names = connector.scheme_names()
        present = endpoint.scheme if endpoint else names[0]
        self.initial = {
            "scheme": present,
            "allowed_ips": "\n".join(endpoint.allowed_ips) if endpoint else "",
        }
        _field(self, "scheme").choices = [(name, _SCHEMES.get(name, name)) for name in names]
        if len(names) == 1:
            del self.fields["scheme"]
        if connector.platform_makes_secret and not connector.webhook_secret_field:
            is_set = endpoint is not None and endpoint.state == "ready"
            kept = (
                _("One is stored. Leave empty to keep it.")
                if is_set
                else _("Until it is given every request is refused.")
            )
            made = _("%(name)s makes it; copy it from there.") % {"name": connector.name}
            self.fields["secret"].help_text = f"{made} {kept}"
        else:
            del self.fields["secret"]
        self.option_names = self._add_options(connector, names)

    def _add_options(self, connector: type[BaseIntegration], names: Sequence[str]) -> list[str]:
        options: dict[str, Any] = {}
        for name in names:
            scheme = connector.scheme(name)
            options.update(scheme.check_options({}) if scheme is not None else {})
        stored = self.endpoint.options if self.endpoint else {}
        for name, default in options.items():
            self.fields[f"option_{name}"] = forms.CharField(
                required=False,
                strip=False,
                max_length=100,
                label=_OPTIONS.get(name, name),
                widget=UnfoldAdminTextInputWidget(),
                help_text=_("For hmac_sha256: hex or base64.") if name == "encoding" else _("For hmac_sha256."),
            )
            self.initial[f"option_{name}"] = stored.get(name, default)
        return list(options)

    def wishes(self, connector: type[BaseIntegration]) -> WebhookWishes:
        """Return what was chosen, as the deeds of lifecycle take it."""
        given = self.cleaned_data
        scheme = given.get("scheme") or connector.scheme_names()[0]
        chosen = connector.scheme(scheme)
        takes = chosen.check_options({}) if chosen is not None else {}
        options = {name: given[f"option_{name}"] for name in self.option_names if name in takes}
        return WebhookWishes(
            scheme=scheme,
            secret=given.get("secret") or None,
            options=options,
            allowed_ips=tuple(line.strip() for line in given["allowed_ips"].splitlines() if line.strip()),
        )


class IntegrationForms:
    """All forms of an integration's page, read and checked as one."""

    def __init__(
        self,
        connector: type[BaseIntegration],
        data: Any = None,
        *,
        row: Integration | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.connector = connector
        self.basics = BasicsForm(data, row=row, suggested=connector.name, can_reconcile=connector.can("list_changes"))
        self.credentials = CredentialsForm(
            connector,
            prefix="credentials",
            data=data,
            stored=row.credentials_set if row else (),
            is_new=row is None,
        )
        self.config = SettingsForm(
            connector.Config,
            prefix="config",
            data=data,
            original=row.config if row else {},
            choices_at=choices_address(connector, str(row.pk)) if row else "",
        )
        self.webhook = WebhookForm(connector, data, endpoint=endpoint) if connector.scheme_names() else None
        # Problems that belong to no single field.
        self.problems: list[str] = []

    def is_valid(self) -> bool:
        """Check all of them, so that every problem is seen at once."""
        parts = [self.basics, self.credentials, self.config, *([self.webhook] if self.webhook else [])]
        return not any([not part.is_valid() for part in parts])  # noqa: C419 - all of them, not up to the first

    def wishes(self) -> WebhookWishes | None:
        """Return what was chosen for the webhook; None where the platform sends none."""
        return self.webhook.wishes(self.connector) if self.webhook else None

    def show(self, problems: Sequence[Problem]) -> None:
        """Show problems at the fields they belong to."""
        for problem in problems:
            part, _, rest = problem.attr.partition(".")
            is_shown = False
            if part == "credentials":
                is_shown = self.credentials.add_problem(rest, _sentence(problem.detail))
            elif part == "config":
                is_shown = self.config.add_problem(rest, _sentence(problem.detail))
            elif part in self.basics.fields:
                self.basics.add_error(part, problem.detail)
                is_shown = True
            elif part == "webhook" and self.webhook is not None:
                self.webhook.add_error(None, problem.detail)
                is_shown = True
            if not is_shown:
                self.problems.append(_sentence(problem.detail))


def _field(form: forms.Form, name: str) -> Any:
    return form.fields[name]


def _sentence(text: str) -> str:
    text = text.removeprefix("Value error, ").strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
