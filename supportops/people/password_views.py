"""A forgotten password: asked for by address, answered by mail, chosen anew at an address that works once."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache
from unfold.widgets import UnfoldAdminEmailInputWidget

from supportops.addresses import client_ip
from supportops.api.throttling import seconds_to_wait
from supportops.people import mails, passwords
from supportops.people.account_forms import NewPasswordForm

# From one address of the network, in a minute.
_MOST_ASKED = 10


class AddressForm(forms.Form):
    """Whose password was forgotten."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "username", "autofocus": True}),
    )


@method_decorator(never_cache, name="dispatch")
class ForgottenView(View):
    """Takes the address. The answer is the same whether somebody signs in with it or not."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return _shown(request, form=AddressForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AddressForm(request.POST)
        if not form.is_valid() or not mails.are_sent():
            return _shown(request, form=form)
        if seconds_to_wait(f"password-reset:{client_ip(request)}", _MOST_ASKED) is not None:
            form.add_error(None, _("Too many passwords were asked for from where you are. Try again in a minute."))
            return _shown(request, form=form, status=429)
        passwords.send_reset(form.cleaned_data["email"])
        return _shown(request, sent_to=form.cleaned_data["email"])


class ChooseView(PasswordResetConfirmView):
    """Takes the new password. Opening the address changes nothing; it works until a password was chosen."""

    template_name = "people/choose_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("sign-in")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password was changed. Sign in with the new one."))
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**{**admin.site.each_context(self.request), **kwargs})
        title = _("Choose a new password") if context["validlink"] else _("This address no longer works")
        return {**context, "title": title}


def _shown(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    common = {"title": _("Forgotten password"), "mails_are_sent": mails.are_sent()}
    page = {**admin.site.each_context(request), **common, **context}
    return render(request, "people/forgotten_password.html", page, status=status)
