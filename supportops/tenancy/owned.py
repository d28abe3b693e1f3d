"""What belongs to an organization: the base model, its managers, and links that cannot leave the organization."""

from typing import Any, ClassVar, TypeVar

from django.db import models

from supportops.ids import new_id
from supportops.tenancy.scope import current_organization_id

_Row = TypeVar("_Row", bound=models.Model, covariant=True)


class OwnedManager(models.Manager[_Row]):
    """Finds and makes rows of the organization in scope, and fails when there is none in scope."""

    def get_queryset(self) -> models.QuerySet[_Row]:
        return super().get_queryset().filter(organization_id=current_organization_id())

    def none(self) -> models.QuerySet[_Row]:
        # Nobody's rows: needs no scope. Forms and the API's schema ask for it where there is no organization.
        return super().get_queryset().none()

    def create(self, **fields: Any) -> _Row:
        if "organization" not in fields:
            fields.setdefault("organization_id", current_organization_id())
        return super().create(**fields)


class LinkWithin(models.ForeignKey):  # type: ignore[type-arg]
    """A foreign key to a row of the same organization.

    The database holds it as (organization, id), so a link to another organization's row cannot be stored by
    any code path; `supportops.tenancy.links` writes the constraint after each migrate.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False  # the composite constraint takes its place
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


class OrganizationOwned(models.Model):
    """A row of an organization. `objects` works in scope only; `across_organizations` is for the few named
    functions that find out whose turn it is (each says so in its docstring)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey("tenancy.Organization", on_delete=models.CASCADE, editable=False, related_name="+")

    # The first manager is the default one, which admin, forms and uniqueness checks use.
    objects: ClassVar[OwnedManager[Any]] = OwnedManager()
    across_organizations: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Before the first save of a row made in scope there is none yet, whatever the type says.
        if not getattr(self, "organization_id", None):
            self.organization_id = current_organization_id()
        super().save(*args, **kwargs)
