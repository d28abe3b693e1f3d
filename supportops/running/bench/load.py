"""A load generator in a process of its own: signed webhooks over connections that stay open, as fast as they are taken.

`python -m supportops.running.bench.load` reads one JSON object from stdin (see `Load`) and prints one with what came of
it. Requests are signed before the clock starts; sockets and bytes by hand, so that it takes little of the processor.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from supportops.running.trial import sign_standard


@dataclass(frozen=True)
class Load:
    """What to send: `count` deliveries, or as many as are taken in `seconds`."""

    port: int
    path: str
    secret: str
    connections: int
    count: int
    seconds: float
    # Padding that brings a body to about the size of a help desk's.
    padding: int = 1000
    first: int = 0


@dataclass
class Result:
    """What came of it. Latencies are in milliseconds."""

    accepted: int
    seconds: float
    statuses: dict[str, int]
    broken: int
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Deliveries that were acknowledged, per second."""
        return self.accepted / self.seconds if self.seconds else 0.0


def requests(load: Load) -> list[bytes]:
    """Give the whole requests, signed, as bytes."""
    made = []
    now = int(time.time())
    for number in range(load.first, load.first + load.count):
        ticket = {
            "id": number + 1, "subject": f"Ticket {number + 1}", "priority": 4, "status": 2,
            "description_text": "x" * load.padding,
            "created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T10:00:00Z",
        }  # fmt: skip
        body = json.dumps({"event": "ticket_created", "ticket": ticket}).encode()
        headers = {
            "Host": f"127.0.0.1:{load.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **sign_standard(load.secret, body, now),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        made.append(f"POST {load.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    return made


async def send(load: Load) -> Result:
    """Send the load and give what came of it."""
    waiting = iter(requests(load))
    statuses: Counter[str] = Counter()
    latencies: list[float] = []
    broken = 0
    began = time.perf_counter()

    async def connection() -> None:
        nonlocal broken
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for request in waiting:
            if time.perf_counter() - began > load.seconds:
                break
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", load.port)
                at = time.perf_counter()
                streams[1].write(request)
                statuses[await answer(streams[0])] += 1
                latencies.append(time.perf_counter() - at)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                broken += 1
                if streams is not None:
                    streams[1].close()
                streams = None
                await asyncio.sleep(0.05)
        if streams is not None:
            streams[1].close()

    await asyncio.gather(*(connection() for _ in range(load.connections)))
    took = time.perf_counter() - began
    latencies.sort()
    return Result(
        accepted=statuses["202"],
        seconds=took,
        statuses=dict(statuses),
        broken=broken,
        p50=round(1000 * _quantile(latencies, 0.50), 1),
        p99=round(1000 * _quantile(latencies, 0.99), 1),
    )


async def answer(reader: asyncio.StreamReader) -> str:
    """Read one answer and give its status. Raises IncompleteReadError when the line breaks, ValueError for nonsense."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = 0
    for line in head.split("\r\n")[1:]:
        if line.startswith("content-length:"):
            length = int(line.partition(":")[2])
    if "transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(length)
    return head.split(" ", 2)[1]


def _quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main() -> None:
    """Do what stdin says and print the result."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    json.dump(asdict(asyncio.run(send(Load(**wanted)))), sys.stdout)


if __name__ == "__main__":
    main()
