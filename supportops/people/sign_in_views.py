"""Signing in: address and password, then a code where the person has a second factor.

Between the two nobody is signed in: the session only remembers whose password was right, for ten minutes.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from supportops import clock
from supportops.addresses import client_ip
from supportops.people import mails, second_factor
from supportops.people.account_forms import CodeForm, SignInForm, wrong_code
from supportops.people.models import User
from supportops.people.sign_in import attempted_email

# Where a session keeps whose password was right.
_PENDING = "sign_in"
_PENDING_SECONDS = 600


@dataclass(frozen=True)
class _Pending:
    user: User
    backend: str
    to: str


class SignInView(LoginView):
    """The first step: address and password."""

    template_name = "people/sign_in.html"
    authentication_form = SignInForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated and request.user.is_staff:
            return HttpResponseRedirect(self.get_success_url())
        return super().get(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if not second_factor.has_second_factor(user):
            return super().form_valid(form)
        # A new key: whoever has planted the old one must not be half signed in.
        self.request.session.cycle_key()
        self.request.session[_PENDING] = {
            "user": str(user.pk),
            "backend": user.backend,
            "hash": user.get_session_auth_hash(),
            "at": clock.now().timestamp(),
            "to": self.get_success_url(),
        }
        return HttpResponseRedirect(reverse("sign-in-code"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**{**admin.site.each_context(self.request), **kwargs})
        return {**context, "title": _("Sign in"), "mails_are_sent": mails.are_sent()}


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class CodeView(View):
    """The second step: a code of the authenticator, or a recovery code."""

    def get(self, request: HttpRequest) -> HttpResponse:
        found = _pending(request)
        return _too_late(request) if found is None else _shown(request, CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        found = _pending(request)
        if found is None:
            return _too_late(request)
        credentials = {"username": found.user.email}
        if not AxesProxyHandler.is_allowed(request, credentials):
            return locked_out(request, None, credentials)
        form = CodeForm(request.POST)
        if not form.is_valid():
            return _shown(request, form)
        answer = second_factor.check(found.user, form.cleaned_data["code"])
        if not answer.is_right:
            if not answer.wait:
                user_login_failed.send(sender=__name__, credentials=credentials, request=request, factor="code")
            form.add_error("code", wrong_code(answer))
            return _shown(request, form)
        del request.session[_PENDING]
        login(request, found.user, backend=found.backend)
        if answer.by_recovery_code:
            _tell_codes_left(request, found.user)
        return HttpResponseRedirect(found.to)


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """Return the page that says how long nobody may try: the same for addresses that are known and others."""
    minutes = max(1, ceil(_seconds_locked(request, attempted_email(request, credentials)) / 60))
    context = {**admin.site.each_context(request), "title": _("Too many attempts"), "minutes": minutes}
    answer = render(request, "people/locked_out.html", context, status=429)
    answer["Retry-After"] = str(minutes * 60)
    return answer


def _seconds_locked(request: HttpRequest, email: str) -> float:
    cool_off = get_cool_off(request)
    attempts = AccessAttempt.objects.filter(username=email, ip_address=client_ip(request) or None)
    last = attempts.aggregate(last=Max("attempt_time"))["last"]
    return float(((last or clock.now()) + cool_off - clock.now()).total_seconds())


def _pending(request: HttpRequest) -> _Pending | None:
    """Return whose password was right, None where nobody's was, or too long ago, or it has changed since."""
    kept = request.session.get(_PENDING)
    if not isinstance(kept, dict) or clock.now().timestamp() - kept["at"] > _PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), kept["hash"]):
        return None
    return _Pending(user, kept["backend"], kept["to"])


def _too_late(request: HttpRequest) -> HttpResponse:
    request.session.pop(_PENDING, None)
    messages.warning(request, _("Please sign in again: too much time has passed since you gave your password."))
    return HttpResponseRedirect(resolve_url("sign-in"))


def _shown(request: HttpRequest, form: CodeForm) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": _("Your code"), "form": form}
    return render(request, "people/sign_in_code.html", context)


def _tell_codes_left(request: HttpRequest, user: User) -> None:
    left = second_factor.recovery_codes_left(user)
    text = ngettext(
        "You signed in by a recovery code; %(count)s is left. Make new ones on the page of your account.",
        "You signed in by a recovery code; %(count)s are left. Make new ones on the page of your account.",
        left,
    )
    messages.warning(request, text % {"count": left})
