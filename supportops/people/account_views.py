"""A person's own account: what it is guarded by, and where it is signed in."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from supportops.people import passwords, second_factor
from supportops.people.account_forms import ChangePasswordForm
from supportops.people.own_pages import OwnPage
from supportops.tenancy.memberships import places_of


class AccountView(OwnPage):
    """Everything on one page."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = self.user()
        return self.shown(
            "people/account.html",
            _("Your account"),
            places=places_of(user),
            has_second_factor=second_factor.has_second_factor(user),
            codes_left=second_factor.recovery_codes_left(user),
        )


class ChangePasswordView(OwnPage):
    """Another password, for whoever knows the present one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(ChangePasswordForm(self.user()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ChangePasswordForm(self.user(), request.POST)
        if not form.is_valid():
            return self._page(form)
        passwords.change(self.user(), form.cleaned_data["new_password1"])
        update_session_auth_hash(request, self.user())
        messages.success(request, _("Your password was changed. Your other sign-ins were ended."))
        return HttpResponseRedirect(reverse("account"))

    def _page(self, form: ChangePasswordForm) -> HttpResponse:
        return self.shown("people/change_password.html", _("Change password"), form=form)
