"""A person's own account: what it is guarded by, and where it is signed in."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from supportops.people import passwords, second_factor, sessions
from supportops.people.account_forms import ChangePasswordForm
from supportops.people.journal import note
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
            sessions=sessions.open_sessions(user, request.session.session_key),
            sign_ins=sessions.sign_ins_of(user),
        )


class EndSessionsView(OwnPage):
    """Ends one of the person's sessions, or all but this one."""

    def post(self, request: HttpRequest) -> HttpResponse:
        user = self.user()
        if "others" in request.POST:
            count = sessions.end_others(user, request.session.session_key)
        else:
            count = int(sessions.end_session(user, request.POST.get("session", "")))
        if count:
            note("sessions.ended", user, changes={"count": count})
            text = ngettext("%(count)s sign-in was ended.", "%(count)s sign-ins were ended.", count)
            messages.success(request, text % {"count": count})
        else:
            messages.info(request, _("There was no such sign-in any more."))
        return HttpResponseRedirect(reverse("account"))


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
