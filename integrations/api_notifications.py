"""The API's addresses for notifications: who is told of what."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import notifications
from integrations.models import Channel, NotificationTarget
from integrations.notices import EVENTS
from supportops.api.views import OrganizationViewSet
from supportops.tenancy.roles import Permission


class NotificationSerializer(serializers.ModelSerializer[NotificationTarget]):
    """Who is told of what. The address of a webhook is write-only; its requests are signed by Standard Webhooks."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=list(EVENTS)), allow_empty=False)
    to = serializers.ListField(child=serializers.CharField(max_length=254), required=False, max_length=50)
    url = serializers.CharField(required=False, write_only=True, max_length=2000)
    enabled = serializers.BooleanField(source="is_enabled", required=False)

    class Meta:
        model = NotificationTarget
        fields = ["id", "name", "channel", "events", "to", "url", "enabled", "created_at"]
        # Uniqueness is told by the deed, which knows the organization.
        extra_kwargs: ClassVar = {"channel": {"choices": Channel.choices}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        channel = attrs.get("channel") or (self.instance.channel if self.instance is not None else "")
        if self.instance is not None and channel != self.instance.channel:
            raise serializers.ValidationError({"channel": "The channel never changes: make another one."})
        needed, other = ("to", "url") if channel == Channel.EMAIL else ("url", "to")
        if self.instance is None and not attrs.get(needed):
            raise serializers.ValidationError({needed: f"This is required for the channel {channel}."})
        if attrs.get(other):
            raise serializers.ValidationError({other: f"The channel {channel} has none."})
        return attrs


class NewNotificationSerializer(NotificationSerializer):
    """A new notification, with the secret of its webhook, which is shown this once."""

    secret = serializers.CharField(read_only=True, required=False)

    class Meta(NotificationSerializer.Meta):
        fields = [*NotificationSerializer.Meta.fields, "secret"]


@extend_schema_view(
    list=extend_schema(description="Who is told of what. Without any, owners are told by mail."),
    create=extend_schema(responses={201: NewNotificationSerializer}),
)
class NotificationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Who is told, by mail or by a signed webhook, that an integration broke or is back."""

    model = NotificationTarget
    serializer_class = NotificationSerializer
    permission_map: ClassVar = dict.fromkeys(("create", "update", "partial_update", "destroy"), Permission.ADMIN)

    def create(self, request: Request) -> Response:
        row, secret = notifications.create_target(**self._checked(request))
        answer = {**NotificationSerializer(row).data, **({"secret": secret} if secret else {})}
        return Response(answer, status=status.HTTP_201_CREATED)

    def update(self, request: Request, pk: str, *, partial: bool = False) -> Response:
        row = self.get_object()
        given = self._checked(request, row, partial)
        given.pop("channel", None)
        return Response(NotificationSerializer(notifications.change_target(row, **given)).data)

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk, partial=True)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        notifications.delete_target(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _checked(
        self, request: Request, row: NotificationTarget | None = None, partial: bool = False
    ) -> dict[str, Any]:
        serializer = self.get_serializer(row, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
