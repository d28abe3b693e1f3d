"""OpenAPI: the errors that every operation may answer with, and how one signs in."""

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers


class ErrorEntry(serializers.Serializer[Any]):
    """One thing that is wrong."""

    code = serializers.CharField(help_text="For programs.")
    detail = serializers.CharField(help_text="For people.")
    attr = serializers.CharField(
        allow_null=True, help_text="A dotted path into the body, such as actions.0.parameters.channel."
    )


class Errors(serializers.Serializer[Any]):
    """The one form of everything that goes wrong."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorEntry(many=True)  # type: ignore[assignment]


_MEANINGS = {
    "400": "The request is wrong; each entry says where.",
    "401": "Nobody is signed in.",
    "403": "The caller's role or scopes do not allow this.",
    "404": "There is no such object in the caller's organization.",
    "409": "The request does not fit the present state, or its Idempotency-Key is taken.",
    "429": "Too many requests; Retry-After says when to come back.",
}


class Schema(AutoSchema):
    """Adds the errors that follow from an operation's method and address."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        if not self.get_auth():  # an address for everybody
            return bodies
        for status in self._error_statuses():
            if status not in bodies:
                bodies[status] = self._get_response_for_code(Errors, status)  # type: ignore[no-untyped-call]
                bodies[status]["description"] = _MEANINGS[status]
        return bodies

    def _error_statuses(self) -> list[str]:
        statuses = ["401", "403", "429"]
        if self.method != "GET" or self._is_list_view():
            statuses.append("400")
        if "{" in self.path:
            statuses.append("404")
        if self.method == "POST":
            statuses.append("409")
        return statuses


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer <token>``."""

    target_class = "supportops.people.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A token of an organization (`so_…`)."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The browser's session, for people who are signed in."""

    target_class = "supportops.people.authentication.SessionAuthentication"
    name = "session"
    # Above drf-spectacular's own for REST framework's SessionAuthentication.
    priority = 1

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
