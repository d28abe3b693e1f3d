"""Forms of signing in and of a person's own account."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from supportops.people import passwords, second_factor
from supportops.people.models import User

_MOST_CODE = 40


def _password(autocomplete: str) -> UnfoldAdminPasswordWidget:
    return UnfoldAdminPasswordWidget(attrs={"autocomplete": autocomplete})


class CodeField(forms.CharField):
    """A code of an authenticator, or a recovery code."""

    def __init__(self, **options: Any) -> None:
        attrs = {"autocomplete": "one-time-code", "inputmode": "text", "spellcheck": "false", "autocapitalize": "none"}
        super().__init__(max_length=_MOST_CODE, widget=UnfoldAdminTextInputWidget(attrs=attrs), **options)


class SignInForm(AdminAuthenticationForm):
    """Address and password. Whether the address is known, the answer does not tell."""

    error_messages = {
        "invalid_login": _("This address and password do not belong together. Mind upper and lower case."),
        "inactive": _("This address and password do not belong together. Mind upper and lower case."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attrs = {"autocomplete": "username", "autofocus": True}
        self.fields["username"].label = _("E-mail address")
        self.fields["username"].widget = UnfoldAdminEmailInputWidget(attrs=attrs)
        self.fields["password"].widget = _password("current-password")
        if self.is_bound:
            # Most often it is the password that was mistyped.
            del self.fields["username"].widget.attrs["autofocus"]
            self.fields["password"].widget.attrs["autofocus"] = True


class CodeForm(forms.Form):
    """The second step of signing in."""

    code = CodeField(label=_("Code"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["autofocus"] = True


class PasswordForm(forms.Form):
    """Something that a hijacked session must not be able to do: asks for the person's password."""

    password = forms.CharField(label=_("Your password"), strip=False, widget=_password("current-password"))

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your password."), "wrong_password")
        return password


class CodeAndPasswordForm(PasswordForm):
    """Asks for a code of the authenticator too; the view has it looked at, once the password is right."""

    code = CodeField(label=_("Code"))
    field_order = ["code", "password"]

    def refuse(self, answer: second_factor.Answer) -> None:
        """Say why a code was not taken."""
        self.add_error("code", wrong_code(answer))


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """A first or forgotten password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("new_password1", "new_password2"):
            self.fields[name].widget = _password("new-password")

    def save(self, commit: bool = True) -> User:
        passwords.change(self.user, self.cleaned_data["new_password1"])
        user: User = self.user
        return user


class ChangePasswordForm(PasswordChangeForm):
    """Another password, for whoever knows the present one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].widget = _password("current-password")
        for name in ("new_password1", "new_password2"):
            self.fields[name].widget = _password("new-password")


def wrong_code(answer: second_factor.Answer) -> str:
    """Return why a code was not taken, and what to do."""
    if answer.wait:
        text = ngettext(
            "After several wrong codes the next one is looked at in %(seconds)s second.",
            "After several wrong codes the next one is looked at in %(seconds)s seconds.",
            answer.wait,
        )
        return text % {"seconds": answer.wait}
    return str(
        _("This code is not right, or was used already. Wait for the next one, and see that your clock is right.")
    )
