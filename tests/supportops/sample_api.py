"""Views of every kind that the API's foundation is tried with, and their addresses."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path, re_path
from django_filters import ChoiceFilter, UUIDFilter
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from supportops import context
from supportops.api import errors
from supportops.api.errors import ApiProblem, ApiProblems, Conflict
from supportops.api.filters import (
    After,
    Before,
    OrganizationFilterSet,
    choice_parameter,
    number_parameter,
    time_parameter,
    uuid_parameter,
)
from supportops.api.routers import Router, address
from supportops.api.views import OrganizationAPIView, OrganizationViewSet, in_scope
from supportops.jobs.models import Job, JobStatus
from supportops.tenancy.models import Environment
from supportops.tenancy.roles import Permission
from supportops.tenancy.scope import current_organization_id

ERRORS: dict[str, Any] = {
    "problem": lambda: ApiProblem("actions.0.parameters.channel", "unknown", "There is no channel '#x'."),
    "problems": lambda: ApiProblems([ApiProblem("a", "one", "One."), ApiProblem(None, "two", "Two.")]),
    "conflict": lambda: Conflict("in_use", "Still in use."),
    "nested": lambda: serializers.ValidationError({"actions": [{}, {"parameters": {"channel": ["Missing."]}}]}),
    "django": lambda: DjangoValidationError({"name": DjangoValidationError("Taken.", "unique")}),
    "plain-django": lambda: DjangoValidationError("Wrong.", "wrong"),
    "missing": Http404,
    "denied": PermissionDenied,
    "large": RequestDataTooBig,
    "database": lambda: OperationalError("connection refused to db.internal:5432"),
    "bug": lambda: RuntimeError("password=hunter2"),
}


class Raise(OrganizationAPIView):
    def get(self, request: Request, which: str) -> Response:
        raise ERRORS[which]()


class Echo(OrganizationAPIView):
    """Says what it got, and in whose name; counts how often."""

    calls = 0
    answer: ClassVar[int] = 201

    def get(self, request: Request) -> Response:
        acting = context.current()
        return Response(
            {
                "organization": current_organization_id(),
                "actor": [acting.actor.type, acting.actor.id, acting.actor.name],
                "ip": acting.ip,
                "request_id": acting.request_id,
            }
        )

    def post(self, request: Request) -> Response:
        type(self).calls += 1
        body = {"got": request.data, "call": type(self).calls}
        return Response(body, status=self.answer, headers={"Location": "/somewhere"})


class Query(OrganizationAPIView):
    def get(self, request: Request) -> Response:
        return Response(
            {
                "id": uuid_parameter(request, "id"),
                "at": time_parameter(request, "at"),
                "window": choice_parameter(request, "window", ["1h", "24h"], "24h"),
                "limit": number_parameter(request, "limit", 10, low=1, high=20),
            }
        )


class Lines(OrganizationAPIView):
    def get(self, request: Request) -> StreamingHttpResponse:
        def lines() -> Iterator[str]:
            for name in Environment.objects.order_by("position").values_list("name", flat=True):
                yield f"{name} {current_organization_id()} {context.current().actor.type}\n"

        return StreamingHttpResponse(in_scope(lines()))


class JobFilters(OrganizationFilterSet):
    worker_id = UUIDFilter()
    status = ChoiceFilter(choices=JobStatus.choices)
    created_after = After("created_at")
    created_before = Before("created_at")

    class Meta:
        model = Job
        fields: ClassVar[list[str]] = []


class JobNumber(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields: ClassVar = ["id", "done"]


class Numbers(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, OrganizationViewSet):
    model = Job
    serializer_class = JobNumber
    filterset_class = JobFilters
    permission_map: ClassVar = {"retrieve": Permission.EXECUTE}


def plain_bug(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("password=hunter2")


def plain_database(request: HttpRequest) -> HttpResponse:
    raise OperationalError("connection refused to db.internal:5432")


router = Router()
router.register("numbers", Numbers, basename="number")
urlpatterns = [
    path("api/raise/<which>", Raise.as_view()),
    *[re_path("^api/", ([pattern], "", "")) for pattern in router.urls],
    re_path("^api/", ([address("echo", Echo.as_view(), "echo")], "", "")),
    re_path("^api/", ([address("query", Query.as_view(), "query")], "", "")),
    re_path("^api/", ([address("lines", Lines.as_view(), "lines")], "", "")),
    path("api/plain/bug", plain_bug),
    path("api/plain/database", plain_database),
    path("page", plain_bug),
    re_path(r"^api(?:/.*)?$", errors.no_such_address),
]
handler400 = "supportops.api.errors.handler400"
handler403 = "supportops.api.errors.handler403"
handler404 = "supportops.api.errors.handler404"
handler500 = "supportops.api.errors.handler500"
