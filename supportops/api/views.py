"""The bases of all API views: the caller's organization is in scope and the caller is the actor, for the whole view."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, ClassVar, TypeVar

from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from supportops.api import idempotency
from supportops.api.callers import Caller
from supportops.context import Acting, acting_as, current
from supportops.tenancy.models import Organization
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.roles import Permission
from supportops.tenancy.scope import current_organization_id, working_for

_Item = TypeVar("_Item")


class _InOrganization(APIView):
    """Enters the organization's scope once the caller is known, and stays until the answer is written."""

    # By action of a view set or by method in lower case; see api.permissions.
    permission_map: ClassVar[dict[str, Permission]] = {}

    @property
    def caller(self) -> Caller:
        """Who calls. Raises NotAuthenticated where nobody has signed in."""
        if not isinstance(self.request.auth, Caller):
            raise exceptions.NotAuthenticated
        return self.request.auth

    @property
    def organization(self) -> Organization:
        """The organization that this request works for."""
        return self.caller.organization

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # As in REST framework, with the scope entered between authentication and everything else.
        self.format_kwarg = self.get_format_suffix(**kwargs)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        request.version, request.versioning_scheme = self.determine_version(request, *args, **kwargs)
        self.perform_authentication(request)
        if isinstance(request.auth, Caller):
            self._scope.enter_context(working_for(request.auth.organization))
            self._scope.enter_context(acting_as(request.auth.actor))
        self.check_permissions(request)
        self.check_throttles(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        wrapped = self.initialize_request(request, *args, **kwargs)
        self.request = wrapped
        self.headers = self.default_response_headers
        keyed: idempotency.KeyedRequest | None = None
        with ExitStack() as self._scope:
            try:
                self.initial(wrapped, *args, **kwargs)
                keyed = idempotency.begin(wrapped)
                response = keyed.earlier if keyed else None
                if response is None:
                    handler = self.http_method_not_allowed
                    if (wrapped.method or "").lower() in self.http_method_names:
                        handler = getattr(self, (wrapped.method or "").lower(), handler)
                    response = handler(wrapped, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - api.errors.handle names them and logs the unforeseen
                response = self.handle_exception(error)
            try:
                self.response = self.finalize_response(wrapped, response, *args, **kwargs)  # type: ignore[arg-type]
                if isinstance(self.response, Response):
                    # Rendered here and not later by Django, since it must happen in scope.
                    self.response.render()
                if keyed:
                    keyed.end(self.response)
            except BaseException:
                if keyed:
                    keyed.release()
                raise
        return self.response


class OrganizationAPIView(_InOrganization):
    """A single address. `permission_map` names what each method needs, such as ``{"post": Permission.EXECUTE}``."""


class OrganizationViewSet(_InOrganization, GenericViewSet):  # type: ignore[type-arg]
    """Addresses of one kind of object. Add REST framework's mixins for what it can do.

    `model` is an OrganizationOwned model: lists and look-ups stay within the organization, so that another
    organization's object is 404 like one that never was.
    """

    model: ClassVar[type[OrganizationOwned]]

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):  # the schema is generated without any organization
            return self.model.objects.none()
        return self.model.objects.all()


def in_scope(items: Iterable[_Item]) -> Iterator[_Item]:
    """Return `items`, each made in the scope that holds now: for streamed answers, which outlive the view."""
    # Not a generator itself, whose beginning would run only when the view has long been left.
    return _each_within(iter(items), current_organization_id(), current())


def _each_within(items: Iterator[_Item], organization_id: uuid.UUID, context: Acting) -> Iterator[_Item]:
    while True:
        # Entered anew for each item: a generator shares its caller's context while it rests at a yield.
        with (
            working_for(organization_id),
            acting_as(context.actor, ip=context.ip, request_id=context.request_id, trace_id=context.trace_id),
        ):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item
