"""The API's addresses for members, and for who is invited to become one: one list, told apart by `status`."""

import uuid
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from supportops.api.views import OrganizationViewSet
from supportops.people import invitations, members
from supportops.people.models import Invitation
from supportops.tenancy.models import Membership
from supportops.tenancy.roles import Permission

# One list of choices, so that the schema has one name for it.
_ROLES = Membership._meta.get_field("role").choices or []
STATES = [("active", "Active"), ("invited", "Invited")]


class MemberSerializer(serializers.Serializer[Any]):
    """A member of the organization and his role, or somebody who is invited and has not accepted yet."""

    id = serializers.UUIDField(read_only=True)
    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    role = serializers.ChoiceField(choices=_ROLES)
    status = serializers.ChoiceField(choices=STATES, read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    expires_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Until when an invitation may be accepted; null for a member."
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:
        is_member = isinstance(instance, Membership)
        person = instance.user if is_member else instance
        return {
            "id": str(instance.pk),
            "email": person.email,
            "name": person.name,
            "role": instance.role,
            "status": "active" if is_member else "invited",
            "created_at": self.fields["created_at"].to_representation(instance.created_at),
            "expires_at": None if is_member else self.fields["expires_at"].to_representation(instance.expires_at),
        }


class InvitedSerializer(MemberSerializer):
    """Somebody who was just invited. Where this installation sends no mail, `invitation` is the address to hand on."""

    invitation = serializers.CharField(read_only=True, allow_null=True)


class RoleSerializer(serializers.Serializer[Any]):
    """Another role."""

    role = serializers.ChoiceField(choices=_ROLES)


class _Both:
    """Members and open invitations as one list, as far as pages of it are asked for: by id, newest first or last."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def filter(self, **conditions: Any) -> "_Both":
        return _Both(*(part.filter(**conditions) for part in self._parts))

    def order_by(self, *fields: str) -> "_Both":
        self._is_descending = fields == ("-pk",)
        ordered = _Both(*(part.order_by(*fields) for part in self._parts))
        ordered._is_descending = fields == ("-pk",)
        return ordered

    def __getitem__(self, wanted: slice) -> list[Any]:
        rows = [row for part in self._parts for row in part[wanted]]
        return sorted(rows, key=lambda row: row.pk, reverse=self._is_descending)[wanted]


@extend_schema_view(list=extend_schema(description="Members and open invitations. For owners and admins."))
class MemberViewSet(OrganizationViewSet):
    """Members and their roles. Who is added is invited, and becomes a member by accepting.

    Only owners make or unmake owners, and the last one stays.
    """

    model = Membership
    serializer_class = MemberSerializer
    permission_map: ClassVar = dict.fromkeys(
        ("list", "retrieve", "create", "update", "partial_update", "destroy", "resend"), Permission.ADMIN
    )

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("user")

    @property
    def _by_owner(self) -> bool:
        return self.caller.may(Permission.OWN)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(_Both(self.get_queryset(), Invitation.objects.all()))  # type: ignore[arg-type]
        return self.get_paginated_response([MemberSerializer(row).data for row in page or []])

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(MemberSerializer(self._found(pk)).data)

    @extend_schema(responses={201: InvitedSerializer})
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        row, address = invitations.invite(
            given["email"], given["role"], name=given.get("name", ""), by_owner=self._by_owner
        )
        answer = {**MemberSerializer(row).data, "invitation": address}
        return Response(answer, status=status.HTTP_201_CREATED)

    @extend_schema(request=RoleSerializer, responses=MemberSerializer)
    def update(self, request: Request, pk: str) -> Response:
        row = self._found(pk)
        serializer = RoleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        deeds = members if isinstance(row, Membership) else invitations
        changed = deeds.change_role(row, serializer.validated_data["role"], by_owner=self._by_owner)
        return Response(MemberSerializer(changed).data)

    @extend_schema(request=RoleSerializer, responses=MemberSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        row = self._found(pk)
        if isinstance(row, Membership):
            members.remove_member(row, by_owner=self._by_owner)
        else:
            invitations.revoke(row, by_owner=self._by_owner)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=InvitedSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Send an invitation once more, at a new address; the old one works no longer."""
        row = self._found(pk)
        if isinstance(row, Membership):
            raise NotFound("This is a member, whose invitation was accepted.")
        address = invitations.send_again(row)
        return Response({**MemberSerializer(row).data, "invitation": address})

    def _found(self, pk: str) -> Membership | Invitation:
        try:
            identifier = uuid.UUID(pk)
        except ValueError:
            raise NotFound from None
        row: Membership | Invitation | None = (
            self.get_queryset().filter(pk=identifier).first() or Invitation.objects.filter(pk=identifier).first()
        )
        if row is None:
            raise NotFound
        return row
