"""Forms of the admin's pages for people."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminTextareaWidget,
)

from supportops.addresses import check_networks
from supportops.people.models import ApiToken, Invitation
from supportops.tenancy.admin import ScopedModelForm
from supportops.tenancy.roles import SCOPES, Permission, Role
from supportops.texts import translated


class InvitationForm(ScopedModelForm):
    """Whom to invite, as what."""

    # Under a name of its own: the deed says what is wrong with an address, the model's field need not.
    address = forms.EmailField(
        label=gettext_lazy("E-mail address"), max_length=254, widget=UnfoldAdminEmailInputWidget()
    )

    class Meta:
        model = Invitation
        fields: ClassVar = ["name", "role"]

    # Whether an owner invites, who alone may make owners; set by the admin for each request.
    by_owner: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        # The least comes first: nobody becomes an owner because a field was overlooked.
        roles = [name for name in reversed(Role) if self.by_owner or name != Role.OWNER]
        role.choices = [(name.value, translated(name.value.title())) for name in roles]
        role.initial = Role.VIEWER.value


class _Lines(forms.CharField):
    """A list of texts, one to a line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]


class TokenForm(ScopedModelForm):
    """A token; what it may do is chosen once."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=[(scope.value, gettext_lazy(scope.value)) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=gettext_lazy("What the token may do. This never changes: make another token instead."),
    )
    # Not under the model field's name, which the admin takes for one that is not to be edited.
    addresses = _Lines(
        label=gettext_lazy("Allowed addresses"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("Addresses or networks that may use it, one to a line; empty: all."),
    )

    class Meta:
        model = ApiToken
        fields: ClassVar = ["name", "scopes", "expires_at"]

    # What the person may do himself; set by the admin for each request.
    held: ClassVar[frozenset[Permission]] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("addresses", self.instance.allowed_ips)
        if not self.instance._state.adding:
            self.fields.pop("scopes", None)

    def clean_scopes(self) -> list[str]:
        scopes: list[str] = self.cleaned_data["scopes"]
        beyond = sorted(set(scopes) - {str(permission) for permission in self.held})
        if beyond:
            raise ValidationError(
                _("You cannot give what you do not have: %(scopes)s.") % {"scopes": ", ".join(beyond)}
            )
        return scopes

    def clean_addresses(self) -> list[str]:
        try:
            return check_networks(self.cleaned_data["addresses"])
        except ValueError as error:
            raise ValidationError(f"{error}.") from None
