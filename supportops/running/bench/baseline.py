"""What the same server does with next to no application: check the signature, insert one row, answer 202.

`python -m supportops.running.bench.baseline --fd N [--embedded]`: on the web server of that shape, with as many
processes and threads, on the database that SUPPORTOPS_BASELINE_URL names.
"""

import argparse
import base64
import hashlib
import hmac
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Any

from supportops.running.web import granian_server, waitress_server

SECRET = "whsec_" + base64.b64encode(b"a secret for measuring only....!").decode()
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
_local = threading.local()
MAKE_TABLE = "CREATE TABLE IF NOT EXISTS bench_baseline (id text PRIMARY KEY, body {bytes} NOT NULL)"


def make_table(url: str) -> None:
    """Make the table that the baseline writes to."""
    connection = _connect(url)
    connection.execute(MAKE_TABLE.format(bytes="blob" if url.startswith("sqlite") else "bytea"))
    connection.close()


def _connect(url: str) -> Any:
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20, isolation_level=None)
        # As durable as the product's own.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection
    import psycopg

    return psycopg.connect(url, autocommit=True)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Take one signed request."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    name, at = environ.get("HTTP_WEBHOOK_ID", ""), environ.get("HTTP_WEBHOOK_TIMESTAMP", "")
    digest = hmac.digest(_KEY, f"{name}.{at}.".encode() + body, hashlib.sha256)
    given = environ.get("HTTP_WEBHOOK_SIGNATURE", "").removeprefix("v1,")
    if not hmac.compare_digest(base64.b64encode(digest).decode(), given):
        start_response("401 Unauthorized", [("Content-Length", "0")])
        return [b""]
    url = os.environ["SUPPORTOPS_BASELINE_URL"]
    if not hasattr(_local, "connection"):
        _local.connection = _connect(url)
    mark = "?, ?" if url.startswith("sqlite") else "%s, %s"
    _local.connection.execute(f"INSERT INTO bench_baseline VALUES ({mark})", (name, body))  # noqa: S608 - marks alone
    start_response("202 Accepted", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return [b"{}"]


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=16)
    arguments = parser.parse_args()
    listener = socket.socket(fileno=arguments.fd)
    if arguments.embedded:
        waitress_server(application, listener, arguments.threads).run()
    else:
        granian_server(lambda: application, listener, arguments.processes, arguments.threads)


if __name__ == "__main__":
    main()
