"""The API's addresses for integrations: accounts on platforms, with sealed credentials that no answer ever holds."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_filters import BooleanFilter, CharFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import handshakes, health, lifecycle, oauth, registration, registry, usage
from integrations.catalogue import describe
from integrations.choices import choices_of
from integrations.endpoints import NewSecret, address_of, endpoint_of
from integrations.errors import IntegrationError, InvalidInput
from integrations.lifecycle import WebhookWishes
from integrations.models import Endpoint, Integration
from integrations.types import connector_of, platforms
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.filters import OrganizationFilterSet, choice_parameter, number_parameter
from supportops.api.views import OrganizationAPIView, OrganizationViewSet
from supportops.tenancy.roles import Permission

_WINDOWS = tuple(usage.WINDOWS)
_MOST_GRACE_SECONDS = 30 * 24 * 3600


class WebhookWishesSerializer(serializers.Serializer[Any]):
    """How the integration's address shall be."""

    scheme = serializers.CharField(required=False, max_length=63)
    secret = serializers.CharField(required=False, max_length=1000, write_only=True, trim_whitespace=False)
    header = serializers.CharField(required=False, max_length=100)
    encoding = serializers.CharField(required=False, max_length=20)
    prefix = serializers.CharField(required=False, max_length=50, allow_blank=True, trim_whitespace=False)
    timestamp_header = serializers.CharField(required=False, max_length=100, allow_blank=True)
    allowed_ips = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=100)

    def to_internal_value(self, data: Any) -> Any:
        # As a part of another serializer it has no initial_data.
        if isinstance(data, Mapping):
            _refuse_unknown(data, self.fields, "webhook.")
        return super().to_internal_value(data)


class WebhookSerializer(serializers.Serializer[Any]):
    """The address given to the platform. `secret` stands only in the answer that made it."""

    url = serializers.CharField()
    scheme = serializers.CharField()
    state = serializers.CharField()
    options = serializers.DictField()
    allowed_ips = serializers.ListField(child=serializers.CharField())
    registered_at = serializers.DateTimeField(allow_null=True, help_text="When we registered it at the platform.")
    secret = serializers.CharField(required=False)


class IntegrationSerializer(serializers.Serializer[Any]):
    """An integration. Credentials are write-only: `credentials_set` names those that are stored."""

    id = serializers.UUIDField(read_only=True)
    platform = serializers.CharField(max_length=63)
    name = serializers.CharField(max_length=200)
    credentials = serializers.DictField(write_only=True)
    config = serializers.DictField(required=False)
    environment = serializers.CharField(required=False, allow_null=True, max_length=63)
    enabled = serializers.BooleanField(required=False)
    reconcile = serializers.BooleanField(
        required=False, help_text="Look for what changed there without a webhook of it reaching us."
    )
    credentials_set = serializers.ListField(child=serializers.CharField(), read_only=True)
    status = serializers.CharField(read_only=True)
    webhook = WebhookSerializer(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class IntegrationRequestSerializer(IntegrationSerializer):
    """What to create or change."""

    webhook = WebhookWishesSerializer(required=False)  # type: ignore[assignment]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = self.initial_data if isinstance(self.initial_data, Mapping) else {}
        _refuse_unknown(given, self.fields, "")
        return attrs


class UnsavedTestSerializer(serializers.Serializer[Any]):
    """Credentials to test before they are saved."""

    platform = serializers.CharField(max_length=63)
    credentials = serializers.DictField()
    config = serializers.DictField(required=False)


class AnswerSerializer(serializers.Serializer[Any]):
    """The standard answer of tests and actions."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]
    latency_ms = serializers.IntegerField(required=False)


class ExecuteSerializer(serializers.Serializer[Any]):
    """An action to do at once."""

    action = serializers.CharField(max_length=80)
    parameters = serializers.DictField(required=False)


class ChoiceSerializer(serializers.Serializer[Any]):
    """Something that a parameter may be chosen from. Parameters take the id; most take the name as well."""

    id = serializers.CharField(help_text="A text or a number, as the platform has it.")
    name = serializers.CharField()


class OAuthStartSerializer(serializers.Serializer[Any]):
    """The platform's page at which a person grants access."""

    url = serializers.CharField()


class RotateSerializer(serializers.Serializer[Any]):
    """The new secret, where the platform makes it."""

    secret = serializers.CharField(required=False, max_length=1000, trim_whitespace=False)


class HandshakeSerializer(serializers.Serializer[Any]):
    """Whether the secret that a platform sent is the platform's: true, false to discard it, left out to see it."""

    confirm = serializers.BooleanField(required=False, allow_null=True, default=None)


class IntegrationFilters(OrganizationFilterSet):
    platform = CharFilter(field_name="platform")
    environment = CharFilter(field_name="environment__name")
    enabled = BooleanFilter(field_name="is_enabled")

    class Meta:
        model = Integration
        fields: ClassVar[list[str]] = []


def integration_as_dict(row: Integration, endpoint: Endpoint | None, secret: NewSecret | None = None) -> dict[str, Any]:
    """Return an integration in the form of the API; a new signing secret stands in it this once."""
    webhook = None
    if endpoint is not None:
        webhook = {
            "url": address_of(endpoint, row.platform),
            "scheme": endpoint.scheme,
            "state": endpoint.state,
            "options": endpoint.options,
            "allowed_ips": endpoint.allowed_ips,
            "registered_at": endpoint.registered_at,
            **({"secret": secret.text} if secret and secret.text else {}),
        }
    return {
        "id": row.pk,
        "platform": row.platform,
        "name": row.name,
        "config": row.config,
        "environment": row.environment.name if row.environment else None,
        "enabled": row.is_enabled,
        "reconcile": row.is_reconciled,
        "credentials_set": row.credentials_set,
        "status": health.status_of(row.health).value,
        "webhook": webhook,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


class IntegrationViewSet(OrganizationViewSet):
    """Integrations: the organization's accounts on platforms."""

    model = Integration
    serializer_class = IntegrationSerializer
    filterset_class = IntegrationFilters
    permission_map: ClassVar = {"test": Permission.EXECUTE, "execute": Permission.EXECUTE}

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("environment", "health")

    @extend_schema(responses=IntegrationSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        endpoints = {row.integration_id: row for row in Endpoint.objects.filter(integration__in=page)}
        return self.get_paginated_response([integration_as_dict(row, endpoints.get(row.pk)) for row in page])

    @extend_schema(request=IntegrationRequestSerializer, responses={201: IntegrationSerializer})
    def create(self, request: Request) -> Response:
        given = _checked(request, partial=False)
        row, endpoint, secret = _done(
            lambda: lifecycle.create(
                platform=given["platform"],
                name=given["name"],
                credentials=given["credentials"],
                config=given.get("config"),
                environment=given.get("environment"),
                webhook=_wishes(given.get("webhook")),
            )
        )
        return Response(integration_as_dict(row, endpoint, secret), status=status.HTTP_201_CREATED)

    @extend_schema(responses=IntegrationSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return Response(integration_as_dict(row, endpoint_of(row.pk)))

    @extend_schema(request=IntegrationRequestSerializer(partial=True), responses=IntegrationSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        given = _checked(request, partial=True)
        if "platform" in given and given["platform"] != row.platform:
            detail = "The platform of an integration never changes: create another one."
            raise ApiProblem("platform", "read_only", detail)
        row = _done(
            lambda: lifecycle.change(
                row,
                name=given.get("name"),
                credentials=given.get("credentials"),
                config=given.get("config"),
                environment=given.get("environment"),
                clear_environment="environment" in given and given["environment"] is None,
                is_enabled=given.get("enabled"),
                reconcile=given.get("reconcile"),
                webhook=_wishes(given["webhook"]) if "webhook" in given else None,
            )
        )
        return Response(integration_as_dict(row, endpoint_of(row.pk)))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        lifecycle.delete(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=AnswerSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        return Response(lifecycle.test(self.get_object()))

    @extend_schema(request=ExecuteSerializer, responses=AnswerSerializer)
    @action(detail=True, methods=["post"])
    def execute(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        wanted = ExecuteSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        result = _done(lambda: lifecycle.execute(row, given["action"], given.get("parameters") or {}))
        return Response(result.as_dict())

    @extend_schema(
        responses=ChoiceSerializer(many=True),
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, description="channels, agents, boards, …")],
    )
    @action(detail=True, methods=["get"], url_path="choices/(?P<kind>[^/]+)", pagination_class=None)
    def choices(self, request: Request, pk: str, kind: str) -> Response:
        """What the platform offers for a parameter; at most ten minutes old."""
        row = self.get_object()
        try:
            return Response(_done(lambda: choices_of(row, kind)))
        except IntegrationError as error:
            raise ApiProblem(None, "platform_failed", error.message, status=502) from None

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def health(self, request: Request, pk: str) -> Response:
        return Response(health.describe(self.get_object()))

    @extend_schema(
        responses=OpenApiTypes.OBJECT,
        parameters=[OpenApiParameter("window", str, enum=_WINDOWS, default="24h")],
    )
    @action(detail=True, methods=["get"])
    def stats(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        window = choice_parameter(request, "window", usage.WINDOWS, "24h")
        return Response(stats_as_dict(window, usage.totals(usage.WINDOWS[window], "integration", row.pk), row))

    @extend_schema(request=None, responses=WebhookSerializer)
    @action(detail=True, methods=["post"], url_path="register-webhook")
    def register_webhook(self, request: Request, pk: str) -> Response:
        """Have the platform send to the integration's address; changes what stands there already."""
        row = self.get_object()
        try:
            endpoint = _done(lambda: registration.register(row))
        except IntegrationError as error:
            raise ApiProblem(None, "platform_failed", error.message, status=502) from None
        return Response(integration_as_dict(row, endpoint)["webhook"])

    @extend_schema(request=None, responses=OAuthStartSerializer)
    @action(detail=True, methods=["post"], url_path="oauth/start")
    def oauth_start(self, request: Request, pk: str) -> Response:
        """Where to send a person who shall grant access. The same browser comes back, within ten minutes."""
        row = self.get_object()
        # A token has no session; then any member who may write may come back.
        by_session = bool(self.caller.role)
        session = (request._request.session.session_key or "") if by_session else ""
        return Response({"url": _done(lambda: oauth.start(row, session))})

    @extend_schema(
        request=RotateSerializer,
        responses=OpenApiTypes.OBJECT,
        parameters=[OpenApiParameter("grace", int, description="Seconds for which the old secret stays valid.")],
    )
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        wanted = RotateSerializer(data=request.data or {})
        wanted.is_valid(raise_exception=True)
        grace = number_parameter(request, "grace", 24 * 3600, low=0, high=_MOST_GRACE_SECONDS)
        secret = _done(
            lambda: lifecycle.rotate_secret(row, secret=wanted.validated_data.get("secret"), grace_seconds=grace)
        )
        return Response(integration_as_dict(row, endpoint_of(row.pk), secret)["webhook"])

    @extend_schema(request=HandshakeSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def handshake(self, request: Request, pk: str) -> Response:
        """The signing secret that the platform sent: to be seen, confirmed or discarded."""
        row = self.get_object()
        wanted = HandshakeSerializer(data=request.data or {})
        wanted.is_valid(raise_exception=True)
        confirmed = wanted.validated_data["confirm"]
        secret = NewSecret(handshakes.show(row)) if confirmed is None else None
        if confirmed is not None:
            try:
                (handshakes.confirm if confirmed else handshakes.discard)(row)
            except InvalidInput as error:
                raise ApiProblem("confirm", "no_handshake", error.message) from None
        return Response(integration_as_dict(row, endpoint_of(row.pk), secret)["webhook"])


class UnsavedTestView(OrganizationAPIView):
    """Tests credentials that are not saved."""

    permission_map: ClassVar = {"post": Permission.WRITE}

    @extend_schema(request=UnsavedTestSerializer, responses=AnswerSerializer, operation_id="integrations_test_unsaved")
    def post(self, request: Request) -> Response:
        wanted = UnsavedTestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        return Response(
            _done(lambda: lifecycle.test_unsaved(given["platform"], given["credentials"], given.get("config")))
        )


def stats_as_dict(window: str, sums: dict[str, int], row: Integration) -> dict[str, Any]:
    """Return an integration's statistics in the form of the API."""
    return {
        "window": window,
        "deliveries": {name: sums[name] for name in ("received", "rejected", "duplicate")},
        "actions": {
            "total": sums["succeeded"] + sums["failed"] + sums["retried"],
            **{name: sums[name] for name in ("succeeded", "failed", "retried")},
        },
        "latency_ms": usage.percentiles(sums),
        "series": usage.series(usage.WINDOWS[window], "integration", row.pk),
    }


# --- the catalogue --------------------------------------------------------------------------------------------


class PlatformsView(OrganizationAPIView):
    """The catalogue: every platform that can be connected. Never paged."""

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="platforms_list")
    def get(self, request: Request) -> Response:
        described = [describe(connector) for connector in platforms().all()]
        return Response({"next": None, "previous": None, "results": described})


class PlatformView(OrganizationAPIView):
    """One platform: credentials, configuration, actions, events, how to set up its webhook."""

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="platforms_retrieve")
    def get(self, request: Request, key: str) -> Response:
        try:
            return Response(describe(connector_of(key)))
        except registry.UnknownPlatform as error:
            raise ApiProblem(None, "not_found", str(error), status=404) from None


def _checked(request: Request, *, partial: bool) -> dict[str, Any]:
    wanted = IntegrationRequestSerializer(data=request.data, partial=partial)
    wanted.is_valid(raise_exception=True)
    checked: dict[str, Any] = wanted.validated_data
    return checked


def _wishes(given: Mapping[str, Any] | None) -> WebhookWishes:
    given = given or {}
    options = {k: given[k] for k in ("header", "encoding", "prefix", "timestamp_header") if k in given}
    ips = given.get("allowed_ips")
    return WebhookWishes(
        scheme=given.get("scheme"),
        secret=given.get("secret"),
        options=options or None,
        allowed_ips=tuple(ips) if ips is not None else None,
    )


def _refuse_unknown(given: Mapping[str, Any], fields: Mapping[str, Any], prefix: str) -> None:
    unknown = sorted(set(given) - set(fields))
    if unknown:
        known = ", ".join(fields)
        raise ApiProblem(
            f"{prefix}{unknown[0]}", "unknown_field", f"There is no field '{unknown[0]}'. Fields: {known}."
        )


def _done(deed: Any) -> Any:
    try:
        return deed()
    except lifecycle.Refused as refusal:
        raise ApiProblems([ApiProblem(p.attr or None, p.code, p.detail) for p in refusal.problems]) from None
