"""Calls to Prometheus' HTTP API, and what its answers mean.

https://prometheus.io/docs/prometheus/latest/querying/api, read 2026-11.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound, Permanent, Unavailable
from integrations.payloads import items, mapping
from integrations.retry_after import wait_of
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
# Longer queries go in the body: proxies cut addresses off at 2,000 characters and more.
_LONGEST_IN_ADDRESS = 1500
_KINDS: dict[str, type[IntegrationError]] = {
    "bad_data": InvalidInput,
    "execution": InvalidInput,
    "timeout": Unavailable,
    "canceled": Unavailable,
    "internal": Unavailable,
    "unavailable": Unavailable,
    "not_found": NotFound,
    "not_acceptable": InvalidInput,
    "forbidden": Forbidden,
}


class PrometheusApi:
    """Prometheus as one integration sees it."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http

    def version(self) -> str | None:
        """Return the server's version, where it tells one."""
        found = self._data(self.http.get("/api/v1/status/buildinfo")).get("version")
        return found if isinstance(found, str) and found else None

    def query(self, endpoint: str, parameters: Mapping[str, Any]) -> tuple[Json, list[str]]:
        """Return the data of a query and the server's warnings."""
        fields = {name: str(value) for name, value in parameters.items() if value is not None}
        if sum(map(len, fields.values())) > _LONGEST_IN_ADDRESS:
            response = self.http.post(f"/api/v1/{endpoint}", data=fields)
        else:
            response = self.http.get(f"/api/v1/{endpoint}", params=fields)
        answer = mapping(response.json())
        warnings = [str(text) for name in ("warnings", "infos") for text in items(answer.get(name))]
        return self._data(response), warnings[:20]

    def alerts(self) -> list[Mapping[str, Any]]:
        """Return the alerts that are firing or pending."""
        return [mapping(item) for item in items(self._data(self.http.get("/api/v1/alerts")).get("alerts"))]

    def alert_names(self) -> list[str]:
        """Return the names of all alerting rules."""
        data = self._data(self.http.get("/api/v1/rules", params={"type": "alert"}))
        rules = [mapping(rule) for group in items(data.get("groups")) for rule in items(mapping(group).get("rules"))]
        return sorted({str(rule["name"]) for rule in rules if rule.get("name")})

    def _data(self, response: "Response") -> Json:
        answer = response.json()
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise Permanent("Prometheus' answer is not of the known form: is this the address of its API?")
        return dict(mapping(answer.get("data")))


def series_of(data: Mapping[str, Any], most: int) -> tuple[list[Json], bool]:
    """Return a query's result as series, whatever its type, and whether some were left out.

    Values stay the texts that they are (``NaN``, ``+Inf``, large counters), with a `number` beside where JSON has one.
    """
    result = data.get("result")
    if data.get("resultType") in ("scalar", "string"):
        return [{"labels": {}, **_sample(result)}], False
    series = []
    for item in map(mapping, items(result)[:most]):
        one: Json = {"labels": dict(mapping(item.get("metric")))}
        if "values" in item:
            one["values"] = [_sample(value) for value in items(item["values"])]
            one.update(one["values"][-1] if one["values"] else _sample(None))
        else:
            # A native histogram has no value of its own.
            one.update(_sample(item.get("value")), **({"histogram": item["histogram"]} if "histogram" in item else {}))
        series.append(one)
    return series, len(items(result)) > most


def _sample(pair: Any) -> Json:
    time, value = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
    return {"time": time, "value": value, "number": number_of(value)}


def number_of(value: Any) -> float | None:
    """Return the number that a text stands for; None for NaN, infinite ones and texts that are none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer names by its type, whatever its status says."""
    answer = mapping(response.json_or_none())
    if answer.get("status") != "error":
        return None
    type_, status = str(answer.get("errorType", "")), response.status_code
    # Proxies in front answer 401 and 429 in words of their own, which may look like these.
    if status in (401, 429) or type_ not in _KINDS:
        return None
    words = f"Prometheus refused ({type_}): {shortened(str(answer.get('error', '')))}"
    kind = _KINDS[type_]
    if kind is Unavailable:
        wait = wait_of(response.headers.get("retry-after"), clock.now(), date=response.headers.get("date"))
        return Unavailable(words, retry_after=wait, status_code=status)
    return kind(words, status_code=status)
