"""Lists, newest first, a page at a time: by the last id seen, so that page 10,000 costs what page 1 costs."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from supportops.api.errors import ApiProblem

_signer = signing.Signer(salt="supportops.api.pagination")


class NewestFirst(BasePagination):
    """``{"next", "previous", "results"}`` by descending id. Ids sort by time, so this is newest first."""

    page_size = 50
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page that the request asks for. Raises ApiProblem for a cursor that is none."""
        self._request = request
        self.size = self._size_of(request)
        backwards, border = self._cursor_of(request)
        if backwards:
            rows = list(queryset.filter(pk__gt=border).order_by("pk")[: self.size + 1])
            self.has_previous, self.has_next = len(rows) > self.size, True
            rows = rows[: self.size][::-1]
        else:
            if border is not None:
                queryset = queryset.filter(pk__lt=border)
            rows = list(queryset.order_by("-pk")[: self.size + 1])
            self.has_previous, self.has_next = border is not None, len(rows) > self.size
            rows = rows[: self.size]
        self._first: uuid.UUID | None = rows[0].pk if rows else None
        self._last: uuid.UUID | None = rows[-1].pk if rows else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next_address(), "previous": self.previous_address(), "results": data})

    def next_address(self) -> str | None:
        return self._address("n", self._last) if self.has_next and self._last else None

    def previous_address(self) -> str | None:
        return self._address("p", self._first) if self.has_previous and self._first else None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": address, "previous": address, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": "Where to go on; taken from `next` or `previous` of another page.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "description": f"How many to a page, up to {self.max_page_size}.",
                "schema": {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size},
            },
        ]

    def _address(self, direction: str, border: uuid.UUID) -> str:
        parameters = [
            (name, value) for name, values in self._request.query_params.lists() if name != "cursor" for value in values
        ]
        parameters.append(("cursor", _signer.sign(direction + border.hex)))
        return f"{settings.PUBLIC_URL}{self._request.path}?{urlencode(parameters)}"

    def _size_of(self, request: Request) -> int:
        text = request.query_params.get("page_size", "")
        if not text:
            return self.page_size
        if not text.isascii() or not text.isdigit() or not int(text[:9]) > 0:
            raise ApiProblem("page_size", "invalid", f"page_size is a number from 1 to {self.max_page_size}.")
        return min(int(text[:9]), self.max_page_size)

    def _cursor_of(self, request: Request) -> tuple[bool, uuid.UUID | None]:
        text = request.query_params.get("cursor", "")
        if not text:
            return False, None
        try:
            plain = _signer.unsign(text)
        except signing.BadSignature:
            raise ApiProblem(
                "cursor", "invalid_cursor", "This cursor is not one of ours: take it from `next` or `previous`."
            ) from None
        return plain[:1] == "p", uuid.UUID(hex=plain[1:])
