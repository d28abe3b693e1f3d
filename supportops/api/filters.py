"""Query parameters: what a filter cannot read is refused with 400 and its name. Unknown parameters are ignored."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django_filters import FilterSet, IsoDateTimeFilter
from django_filters.fields import IsoDateTimeField
from rest_framework.request import Request

from supportops.api.errors import ApiProblem
from supportops.clock import in_utc


class OrganizationFilterSet(FilterSet):  # type: ignore[misc]
    """Filters of a list. Declare `model` in Meta with ``fields = []`` and each filter by hand."""


class _TimeField(IsoDateTimeField):  # type: ignore[misc]
    def clean(self, value: object) -> datetime | None:
        at = super().clean(value)
        if at is None:
            return None
        found = in_utc(at)
        if found is None:
            raise ValidationError("This lies outside of the calendar.", "invalid")
        return found


class _TimeFilter(IsoDateTimeFilter):  # type: ignore[misc]
    field_class = _TimeField


class After(_TimeFilter):
    """At this time or later: ``received_after = After(field_name="received_at")``."""

    def __init__(self, field_name: str, **kwargs: object) -> None:
        super().__init__(field_name=field_name, lookup_expr="gte", **kwargs)


class Before(_TimeFilter):
    """Earlier than this time."""

    def __init__(self, field_name: str, **kwargs: object) -> None:
        super().__init__(field_name=field_name, lookup_expr="lt", **kwargs)


def uuid_parameter(request: Request, name: str) -> uuid.UUID | None:
    """Return an id from the query, None when it is not there. Raises ApiProblem for what is no id."""
    text = request.query_params.get(name, "")
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise ApiProblem(name, "invalid", f"{name} is not an id.") from None


def time_parameter(request: Request, name: str) -> datetime | None:
    """Return a time from the query, None when it is not there. Raises ApiProblem for what is no time."""
    # A plus sign that was not encoded arrives as a space.
    text = request.query_params.get(name, "").strip().replace(" ", "+")
    if not text:
        return None
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    at = at and in_utc(at if at.tzinfo else at.replace(tzinfo=UTC))
    if at is None:
        raise ApiProblem(name, "invalid", f"{name} is not a time such as 2026-11-21T11:14:00Z.")
    return at


def choice_parameter(request: Request, name: str, choices: Iterable[str], default: str) -> str:
    """Return one of `choices` from the query. Raises ApiProblem for anything else."""
    text = request.query_params.get(name) or default
    allowed = list(choices)
    if text not in allowed:
        raise ApiProblem(name, "invalid_choice", f"{name} is one of {', '.join(allowed)}.")
    return text


def number_parameter(request: Request, name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number from the query. Raises ApiProblem for what is none or out of bounds."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not low <= int(text) <= high:
        raise ApiProblem(name, "invalid", f"{name} is a whole number from {low} to {high}.")
    return int(text)
