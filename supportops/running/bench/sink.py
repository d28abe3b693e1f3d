"""A platform that takes everything at once: answers like Slack, counts, and tells when the last call came.

`python -m supportops.running.bench.sink --port N`. GET /_count gives what was counted.
"""

import argparse
import asyncio
import json
import time
from typing import cast


class Sink(asyncio.Protocol):
    """One connection; requests may come in pieces or several at once."""

    count = 0
    first_at = 0.0
    last_at = 0.0
    texts: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(head, rest[:length])

    def _answer(self, head: bytes, body: bytes) -> None:
        kind = Sink
        if head.startswith(b"GET /_count"):
            content = json.dumps(
                {"count": kind.count, "first_at": kind.first_at, "last_at": kind.last_at, "different": len(kind.texts)}
            ).encode()
        else:
            # Other calls are the product's own: it looks after its integrations by itself.
            if b"chat.postMessage" in head.partition(b"\r\n")[0]:
                kind.count += 1
                kind.last_at = time.time()
                kind.first_at = kind.first_at or kind.last_at
                kind.texts.add(str(json.loads(body).get("text")) if body[:1] == b"{" else body.decode())
            content = b'{"ok":true,"ts":"1763719200.000100","channel":"C0BENCH001"}'
        length = str(len(content)).encode()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + length + b"\r\n\r\n" + content
        )


async def serve(port: int) -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))
