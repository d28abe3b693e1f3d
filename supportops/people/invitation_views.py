"""Where an invitation is accepted, with an account or by making one. Opening the address changes nothing."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import login, password_validation
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from supportops.people import invitations
from supportops.people.models import Invitation, User
from supportops.tenancy.middleware import CHOICE

_BACKEND = "django.contrib.auth.backends.ModelBackend"


class NewAccountForm(forms.Form):
    """Name and password of somebody new."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "name", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
    )
    again = forms.CharField(
        label=gettext_lazy("Password once more"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        self.email = email
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        password = given.get("password", "")
        if password and given.get("again") and password != given["again"]:
            self.add_error("again", _("The two passwords differ."))
        if password:
            try:
                password_validation.validate_password(password, User(email=self.email, name=given.get("name", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return given


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class InvitationView(View):
    """Shows who invites, and takes the answer."""

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        found = invitations.find(key)
        if found is None:
            return self._gone()
        account = invitations.account_of(found)
        return self._shown(
            found, account, None if account else NewAccountForm(found.email, initial={"name": found.name})
        )

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        found = invitations.find(key)
        if found is None:
            return self._gone()
        account = invitations.account_of(found)
        try:
            if account is None:
                form = NewAccountForm(found.email, request.POST)
                if not form.is_valid():
                    return self._shown(found, None, form)
                given = form.cleaned_data
                user = invitations.accept_as_new(key, name=given["name"], password=given["password"])
                login(request, user, backend=_BACKEND)
            elif request.user.pk == account.pk:
                invitations.accept(key, account)
            else:
                # Nobody accepts for somebody else, and nobody by having the address alone.
                return self._shown(found, account, None, status=403)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return HttpResponseRedirect(request.path)
        request.session[CHOICE] = found.organization.slug
        text = _("Welcome: you are a member of %(organization)s now.")
        messages.success(request, text % {"organization": found.organization.name})
        return HttpResponseRedirect(reverse("admin:index"))

    def _shown(
        self, found: Invitation, account: User | None, form: NewAccountForm | None, *, status: int = 200
    ) -> HttpResponse:
        title = _("Join %(organization)s") % {"organization": found.organization.name}
        is_he = account is not None and self.request.user.pk == account.pk
        context = {"title": title, "invitation": found, "account": account, "is_he": is_he, "form": form}
        return self._page("people/invitation.html", status, **context)

    def _gone(self) -> HttpResponse:
        return self._page("people/invitation_gone.html", 404, title=_("This invitation is open no longer"))

    def _page(self, template: str, status: int, **context: Any) -> HttpResponse:
        return render(self.request, template, {**admin.site.each_context(self.request), **context}, status=status)
