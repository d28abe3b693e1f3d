"""Calls to Grafana's HTTP API, and what its answers mean.

https://grafana.com/docs/grafana/latest/developers/http_api/data_source, read 2026-11.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound, Permanent, RateLimited, Unavailable
from integrations.http import path
from integrations.payloads import identifier, items, mapping
from integrations.retry_after import wait_of
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
REF = "A"
# What is shown of an answer: a step's output is cut off at 256 KiB.
MOST_FRAMES, MOST_ROWS = 50, 1000
# Numbers that JSON has no form for stand beside the values, by position.
_ENTITIES = {"NaN": "NaN", "Inf": "+Inf", "NegInf": "-Inf"}


class GrafanaApi:
    """Grafana as one integration sees it."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http

    def organization(self) -> Json:
        """Return the organization that the token belongs to."""
        found: Json = self.http.get("/api/org").json()
        return found

    def data_sources(self) -> list[Json]:
        """Return the data sources that the token may see."""
        return [dict(item) for item in items(self.http.get("/api/datasources").json()) if isinstance(item, Mapping)]

    def query(self, datasource: str, query: Mapping[str, Any], start: str, end: str) -> Json:
        """Ask a data source, named by uid or name, and return what it answered to the query."""
        try:
            return self._query(datasource, query, start, end)
        except NotFound:
            uid = self._uid_of(datasource)
            if uid is None:
                raise
        return self._query(uid, query, start, end)

    def _query(self, uid: str, query: Mapping[str, Any], start: str, end: str) -> Json:
        asked = {**query, "refId": REF, "datasource": {"uid": uid}}
        answer = self.http.post("/api/ds/query", json={"queries": [asked], "from": start, "to": end}).json()
        result = mapping(mapping(answer).get("results")).get(REF)
        if not isinstance(result, dict):
            # Not the same as nothing found, which has a result without frames.
            raise Permanent("Grafana's answer to the query is not of the known form.")
        return result

    def _uid_of(self, name: str) -> str | None:
        """Return the uid of a data source of that name, None where there is none or the token may not look."""
        try:
            found = self.http.get(path("api", "datasources", "name", name)).json()
        except (NotFound, Forbidden):
            return None
        return identifier(mapping(found).get("uid"))


def frames_of(answer: Mapping[str, Any]) -> Iterator[Json]:
    """Give the frames of an answer by rows; Grafana tells them by columns."""
    for frame in items(answer.get("frames"))[:MOST_FRAMES]:
        schema, data = mapping(mapping(frame).get("schema")), mapping(mapping(frame).get("data"))
        fields = [mapping(field) for field in items(schema.get("fields"))]
        columns = [
            _whole(items(values), mapping(entities))
            for values, entities in zip(
                items(data.get("values")), items(data.get("entities")) or [None] * len(fields), strict=False
            )
        ]
        names = [str(field.get("name") or f"field {number}") for number, field in enumerate(fields, start=1)]
        yield {
            "name": schema.get("name"),
            "labels": next((dict(mapping(field["labels"])) for field in fields if field.get("labels")), {}),
            "columns": [{"name": name, "type": field.get("type")} for name, field in zip(names, fields, strict=True)],
            "rows": [
                dict(zip(names, values, strict=False)) for values in list(zip(*columns, strict=False))[-MOST_ROWS:]
            ],
            "last": _last(fields, columns),
        }


def _whole(values: list[Any], entities: Mapping[str, Any]) -> list[Any]:
    whole = list(values)
    for name, written in _ENTITIES.items():
        for position in items(entities.get(name)):
            if isinstance(position, int) and 0 <= position < len(whole):
                whole[position] = written
    return whole


def _last(fields: list[Mapping[str, Any]], columns: list[list[Any]]) -> Any:
    """The last value of the first column of numbers: what a condition mostly wants."""
    for field, values in zip(fields, columns, strict=False):
        if field.get("type") == "number":
            return next((value for value in reversed(values) if value is not None), None)
    return None


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error of a query that failed behind Grafana: it tells it in the result, by 200, 207, 400 or 500."""
    results = mapping(mapping(response.json_or_none()).get("results"))
    failed = next((item for item in map(mapping, results.values()) if item.get("error")), None)
    if failed is None:
        return None
    said, status = shortened(str(failed["error"])), failed.get("status")
    words = f"The data source refused the query: {said}"
    code = response.status_code
    number = status if isinstance(status, int) and status >= 400 else code
    if number == 429:
        wait = wait_of(response.headers.get("retry-after"), clock.now(), date=response.headers.get("date"))
        return RateLimited(words, retry_after=wait, status_code=code)
    if number >= 500:
        return Unavailable(f"The data source could not answer: {said}", status_code=code)
    if number in (401, 403):
        # The data source's own sign-in, which Grafana keeps: our token is good.
        return Forbidden(words, status_code=code)
    return NotFound(words, status_code=code) if number == 404 else InvalidInput(words, status_code=code)
