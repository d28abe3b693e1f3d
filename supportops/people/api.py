"""The API's addresses for people: who am I, tokens, environments. Members are in api_members."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from supportops.addresses import check_networks
from supportops.api.errors import Conflict
from supportops.api.views import OrganizationAPIView, OrganizationViewSet
from supportops.people import environments, tokens
from supportops.people.models import ApiToken
from supportops.tenancy.models import Environment
from supportops.tenancy.roles import SCOPES, Permission


class WhoAmI(serializers.Serializer[Any]):
    """The organization worked for, and what the caller may do there."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.CharField(allow_null=True, help_text="A person's role; null for a token.")
    scopes = serializers.ListField(child=serializers.CharField())


class OrganizationView(OrganizationAPIView):
    """The caller's organization."""

    @extend_schema(responses=WhoAmI, operation_id="organization")
    def get(self, request: Request) -> Response:
        organization, caller = self.organization, self.caller
        return Response(
            {
                "id": organization.id,
                "slug": organization.slug,
                "name": organization.name,
                "role": caller.role or None,
                "scopes": sorted(caller.permissions),
            }
        )


# --- tokens ------------------------------------------------------------------------------------------------------


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token, without its text."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(SCOPES)), allow_empty=False)
    allowed_ips = serializers.ListField(child=serializers.CharField(), required=False, max_length=100)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "allowed_ips",
            "expires_at",
            "last_used_at",
            "created_at",
            "created_by",
        ]

    def validate_allowed_ips(self, value: list[str]) -> list[str]:
        try:
            return check_networks(value)
        except ValueError as error:
            raise serializers.ValidationError(f"{error}.") from None

    def validate_scopes(self, value: list[str]) -> list[str]:
        if self.instance is not None and set(value) != set(self.instance.scopes):
            raise serializers.ValidationError("What a token may do never changes: make another one.", "read_only")
        held = self.context["view"].caller.permissions
        beyond = sorted(set(value) - {str(permission) for permission in held})
        if self.instance is None and beyond:
            raise serializers.ValidationError(
                f"You cannot give what you do not have: {', '.join(beyond)}.", "beyond_own_scopes"
            )
        return value


class NewTokenSerializer(TokenSerializer):
    """A new API token, with its text, which is shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


@extend_schema_view(
    list=extend_schema(description="The organization's tokens."),
    create=extend_schema(responses={201: NewTokenSerializer}),
)
class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """API tokens. Their text is shown once, when they are made."""

    model = ApiToken
    serializer_class = TokenSerializer
    permission_map: ClassVar = dict.fromkeys(
        ("list", "retrieve", "create", "update", "partial_update", "destroy"), Permission.ADMIN
    )

    def create(self, request: Request) -> Response:
        given = self._checked(request)
        token, text = tokens.create_token(**given)
        answer = {**TokenSerializer(token).data, "token": text}
        return Response(answer, status=status.HTTP_201_CREATED)

    def update(self, request: Request, pk: str, *, partial: bool = False) -> Response:
        token = self.get_object()
        given = self._checked(request, token, partial)
        given.pop("scopes", None)
        return Response(TokenSerializer(tokens.change_token(token, **given)).data)

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk, partial=True)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        tokens.revoke_token(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _checked(self, request: Request, token: ApiToken | None = None, partial: bool = False) -> dict[str, Any]:
        serializer = self.get_serializer(token, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


# --- environments ------------------------------------------------------------------------------------------------


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    """A stage of deployment, such as prod."""

    class Meta:
        model = Environment
        fields = ["id", "name", "position"]
        extra_kwargs = {"position": {"required": False}}


class EnvironmentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """The organization's environments."""

    model = Environment
    serializer_class = EnvironmentSerializer
    permission_map: ClassVar = dict.fromkeys(("create", "update", "partial_update", "destroy"), Permission.ADMIN)

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = environments.create_environment(**serializer.validated_data)
        return Response(EnvironmentSerializer(made).data, status=status.HTTP_201_CREATED)

    def update(self, request: Request, pk: str, *, partial: bool = False) -> Response:
        environment = self.get_object()
        serializer = self.get_serializer(environment, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        changed = environments.change_environment(environment, **serializer.validated_data)
        return Response(EnvironmentSerializer(changed).data)

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk, partial=True)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        try:
            environments.delete_environment(self.get_object())
        except environments.InUse as error:
            raise Conflict("in_use", str(error)) from None
        return Response(status=status.HTTP_204_NO_CONTENT)
