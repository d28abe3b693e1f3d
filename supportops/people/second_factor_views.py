"""A person's own second factor: set up, renewed and removed by himself."""

import segno
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from supportops.people import second_factor
from supportops.people.account_forms import CodeAndPasswordForm
from supportops.people.own_pages import OwnPage
from supportops.tenancy.admin import place_of


class SetUpView(OwnPage):
    """Shows the secret as picture and text, and takes the first code."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if second_factor.has_second_factor(self.user()):
            return HttpResponseRedirect(reverse("account"))
        return self._page(CodeAndPasswordForm(self.user()))

    def post(self, request: HttpRequest) -> HttpResponse:
        user = self.user()
        try:
            if "begin" in request.POST:
                second_factor.begin(user)
                return HttpResponseRedirect(reverse("second-factor"))
            form = CodeAndPasswordForm(user, request.POST)
            if not form.is_valid():
                return self._page(form)
            answer, codes = second_factor.confirm(user, form.cleaned_data["code"])
        except second_factor.AlreadySetUp:
            return HttpResponseRedirect(reverse("account"))
        if not answer.is_right:
            form.refuse(answer)
            return self._page(form)
        update_session_auth_hash(request, user)
        messages.success(request, _("Your second factor is set up. From now on signing in asks for a code."))
        return _show_codes(self, codes)

    def _page(self, form: CodeAndPasswordForm) -> HttpResponse:
        enrolment = second_factor.pending(self.user())
        place = place_of(self.request)
        return self.shown(
            "people/second_factor.html",
            _("Set up a second factor"),
            form=form,
            enrolment=enrolment,
            picture=_qr_code(enrolment.address) if enrolment else "",
            demanding=place.organization if place and place.organization.requires_second_factor else None,
        )


class RecoveryCodesView(OwnPage):
    """Makes new recovery codes."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(CodeAndPasswordForm(self.user()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodeAndPasswordForm(self.user(), request.POST)
        if not _is_confirmed(form):
            return self._page(form)
        return _show_codes(self, second_factor.renew_recovery_codes(self.user()))

    def _page(self, form: CodeAndPasswordForm) -> HttpResponse:
        if not second_factor.has_second_factor(self.user()):
            return HttpResponseRedirect(reverse("account"))
        text = _("Ten new codes take the place of the ones you have.")
        return _ask(self, _("New recovery codes"), text, _("Make new codes"), form)


class RemoveView(OwnPage):
    """Takes the second factor away."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(CodeAndPasswordForm(self.user()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodeAndPasswordForm(self.user(), request.POST)
        if not _is_confirmed(form):
            return self._page(form)
        second_factor.remove(self.user())
        update_session_auth_hash(request, self.user())
        messages.success(request, _("Your second factor was removed."))
        return HttpResponseRedirect(reverse("account"))

    def _page(self, form: CodeAndPasswordForm) -> HttpResponse:
        if not second_factor.has_second_factor(self.user()):
            return HttpResponseRedirect(reverse("account"))
        text = _("From then on your password alone signs you in.")
        return _ask(self, _("Remove the second factor"), text, _("Remove"), form)


def _is_confirmed(form: CodeAndPasswordForm) -> bool:
    """Return whether password and code are right; a code is used up only once the password is."""
    if not form.is_valid():
        return False
    answer = second_factor.check(form.user, form.cleaned_data["code"])
    if not answer.is_right:
        form.refuse(answer)
    return answer.is_right


def _ask(page: OwnPage, title: str, text: str, button: str, form: CodeAndPasswordForm) -> HttpResponse:
    return page.shown("people/second_factor_confirm.html", title, text=text, button=button, form=form)


def _show_codes(page: OwnPage, codes: list[str]) -> HttpResponse:
    # Shown in this very answer: a redirect would have to keep them somewhere in between.
    return page.shown("people/recovery_codes.html", _("Recovery codes"), codes=codes)


def _qr_code(address: str) -> str:
    # Drawn from the address alone; no part of it becomes markup.
    return mark_safe(segno.make(address, error="m", micro=False).svg_inline(border=2, omitsize=True))  # noqa: S308
