"""What arrived, newest last, bounded; and a page that shows it."""

import html
import json
import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

MOST = 20_000


@dataclass(frozen=True)
class Arrival:
    """One request to a platform. Credentials are not kept: `signed_in` says whether there were any."""

    number: int
    at: float
    platform: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    signed_in: bool
    body: Any
    # What was answered; 0 for nothing.
    status: int
    has_effect: bool
    fault: str


class Arrivals:
    """The last requests, and how many there were."""

    def __init__(self, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Arrival] = deque(maxlen=most)
        self._total = 0

    def keep(self, **values: Any) -> None:
        with self._lock:
            self._total += 1
            self._kept.append(Arrival(number=self._total, at=time.time(), **values))

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._total = 0

    def find(self, *, platform: str = "", path: str = "", after: int = 0, effects: bool = False) -> list[Arrival]:
        """Return those of a platform, with a part of the path, later than number `after`, or that had an effect."""
        with self._lock:
            kept = list(self._kept)
        return [
            arrival
            for arrival in kept
            if platform in ("", arrival.platform)
            and path in arrival.path
            and arrival.number > after
            and (arrival.has_effect or not effects)
        ]

    @property
    def total(self) -> int:
        return self._total


def as_json(arrivals: list[Arrival], total: int, most: int) -> dict[str, Any]:
    """The answer of `/_arrived`: how many, counted by call, and the last `most` of them."""
    calls = Counter(f"{arrival.platform} {arrival.method} {arrival.path}" for arrival in arrivals)
    return {
        "total": total,
        "count": len(arrivals),
        "effects": sum(arrival.has_effect for arrival in arrivals),
        "calls": dict(calls.most_common(100)),
        "arrived": [asdict(arrival) for arrival in arrivals[-most:]] if most else [],
    }


def as_page(arrivals: list[Arrival], total: int) -> str:
    """A page for people: the last hundred, newest first."""
    rows = "\n".join(
        f"<tr><td>{arrival.number}</td><td>{html.escape(arrival.platform)}</td>"
        f"<td>{html.escape(arrival.method)} {html.escape(arrival.path)}</td>"
        f"<td>{arrival.status or 'none'} {html.escape(arrival.fault)}</td>"
        f"<td><pre>{html.escape(json.dumps(arrival.body, indent=1, ensure_ascii=False)[:2000])}</pre></td></tr>"
        for arrival in reversed(arrivals[-100:])
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox platforms</title>'
        "<style>body{font:15px system-ui;margin:2em}td{vertical-align:top;padding:.3em 1em;border-top:1px solid #ccc}"
        "pre{margin:0;white-space:pre-wrap}</style>"
        f"<h1>Sandbox platforms</h1><p>{total} requests arrived. As JSON: <a href='/_arrived'>/_arrived</a></p>"
        f"<table><tr><th>no.</th><th>platform</th><th>call</th><th>answered</th><th>body</th></tr>{rows}</table></html>"
    )
