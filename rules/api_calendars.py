"""The API's addresses for calendars: the hours by which rules wait and ask."""

from collections.abc import Callable
from typing import Any, ClassVar

from django_filters import BooleanFilter, CharFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from rules import calendars
from rules.calendar_shape import MOST_HOLIDAYS
from rules.icalendar import NotICalendar, holidays_in
from rules.models import Calendar
from rules.problems import Refused
from supportops.api.errors import ApiProblem, ApiProblems, Conflict
from supportops.api.filters import OrganizationFilterSet
from supportops.api.views import OrganizationViewSet


class HolidaySerializer(serializers.Serializer[Any]):
    """A date that is not as its weekday is. Without hours it is closed."""

    date = serializers.CharField(help_text="Such as 2026-12-25.")
    name = serializers.CharField(required=False, allow_blank=True)
    hours = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()),
        required=False,
        help_text='Of half a day: [{"from": "09:00", "to": "12:00"}].',
    )


class CalendarSerializer(serializers.Serializer[Any]):
    """The hours of a team, in its time zone."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=63)
    zone = serializers.CharField(max_length=63, help_text="Of the IANA time zone database, such as Europe/Berlin.")
    hours = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField(child=serializers.CharField())),
        help_text='{"monday": [{"from": "09:00", "to": "17:00"}]}; an end before the beginning is on the next day.',
    )
    holidays = serializers.ListField(child=HolidaySerializer(), required=False, max_length=MOST_HOLIDAYS)
    default = serializers.BooleanField(required=False, default=False)
    icalendar = serializers.CharField(
        required=False,
        write_only=True,
        max_length=1_000_000,
        help_text="The text of an .ics file: its whole days are added to the holidays.",
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class CalendarFilters(OrganizationFilterSet):
    name = CharFilter(field_name="name")
    default = BooleanFilter(field_name="is_default")

    class Meta:
        model = Calendar
        fields: ClassVar[list[str]] = []


def calendar_as_dict(row: Calendar) -> dict[str, Any]:
    """Return a calendar in the form of the API."""
    return {
        "id": row.pk,
        "name": row.name,
        "zone": row.zone,
        "hours": row.hours,
        "holidays": row.holidays,
        "default": row.is_default,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


class CalendarViewSet(OrganizationViewSet):
    """The hours in which the organization's teams work."""

    model = Calendar
    serializer_class = CalendarSerializer
    filterset_class = CalendarFilters

    @extend_schema(responses=CalendarSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([calendar_as_dict(row) for row in page])

    @extend_schema(request=CalendarSerializer, responses={201: CalendarSerializer})
    def create(self, request: Request) -> Response:
        row = _done(lambda: calendars.create(_wish(request)))
        return Response(calendar_as_dict(row), status=status.HTTP_201_CREATED)

    @extend_schema(responses=CalendarSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(calendar_as_dict(self.get_object()))

    @extend_schema(request=CalendarSerializer(partial=True), responses=CalendarSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return Response(calendar_as_dict(_done(lambda: calendars.change(row, _wish(request, row)))))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        try:
            calendars.delete(self.get_object())
        except calendars.InUse as error:
            raise Conflict("in_use", str(error)) from None
        return Response(status=status.HTTP_204_NO_CONTENT)


def _wish(request: Request, row: Calendar | None = None) -> calendars.Wish:
    """Return what a request asks for; what it leaves out stays as `row` has it."""
    serializer = CalendarSerializer(data=request.data, partial=row is not None)
    serializer.is_valid(raise_exception=True)
    if unknown := sorted(set(request.data) - set(serializer.fields)):
        raise ApiProblem(unknown[0], "unknown_field", f"There is no field '{unknown[0]}' here.")
    given = serializer.validated_data
    before = calendar_as_dict(row) if row is not None else {}
    holidays = [dict(one) for one in given.get("holidays", before.get("holidays", ()))]
    if "icalendar" in given:
        try:
            found = holidays_in(given["icalendar"])
        except NotICalendar as error:
            raise ApiProblem("icalendar", "invalid", str(error)) from None
        known = {one["date"] for one in holidays}
        holidays += [one for one in found if one["date"] not in known]
    return calendars.Wish(
        name=given.get("name", before.get("name", "")),
        zone=given.get("zone", before.get("zone", "")),
        hours=given.get("hours", before.get("hours", {})),
        holidays=holidays,
        is_default=given["default"] if "default" in request.data else before.get("default", False),
    )


def _done(act: Callable[[], Calendar]) -> Calendar:
    try:
        return act()
    except Refused as refused:
        raise ApiProblems([ApiProblem(item.attr, item.code, item.detail) for item in refused.problems]) from None
    except calendars.InUse as error:
        raise Conflict("in_use", str(error)) from None
