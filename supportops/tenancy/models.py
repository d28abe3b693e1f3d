"""Organizations (the tenants), their members and their environments."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy

from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.roles import Role

_SLUG = RegexValidator(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "Use lower-case letters, digits and hyphens.")


class Organization(models.Model):
    """A tenant. Owns everything but users."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=63, unique=True, validators=[_SLUG])
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    # Whoever has no second factor can do nothing here but set one up.
    requires_second_factor = models.BooleanField("asks its members for a second factor", default=False, editable=False)
    # Its platforms are played: nothing that it sends leaves us (integrations/sandbox_platform). Never changes.
    works_in_sandbox = models.BooleanField(default=False, db_default=False, editable=False)
    # Raised by every change of a rule; caches of rules compare it (rules/index.py).
    rules_version = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class Membership(OrganizationOwned):
    """A user's role in an organization."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(role.value, role.value.title()) for role in Role])
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = gettext_lazy("member")
        verbose_name_plural = gettext_lazy("members")
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="one_membership_per_user")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Environment(OrganizationOwned):
    """A stage of deployment, such as prod. Integrations may belong to one."""

    name = models.CharField(max_length=63, validators=[_SLUG])
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="one_environment_per_name")]

    def __str__(self) -> str:
        return self.name
