"""What load balancers and monitoring ask: does the process live, can it receive, is everything there."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from rules import workers
from supportops import addresses
from supportops.running.waking import BROKER_ERRORS
from supportops.status import metrics
from supportops.tenancy.models import Organization

log = structlog.get_logger()

# What hangs counts as away. Load balancers lose their patience at about this time.
PATIENCE_SECONDS = 2
FRESH_SECONDS = 1.0


class Question:
    """A yes-or-no question that may hang: asked in one thread at a time, and no more often than once a second.

    So neither a database that hangs nor a stranger who asks all the time can take up the threads of the process.
    """

    def __init__(self, about: str, ask: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> None:
        self._about, self._ask, self._patience = about, ask, patience
        self._lock = threading.Lock()
        self._answered: threading.Event | None = None
        self._answer, self._at = False, float("-inf")
        self._was_there = True

    def answer(self) -> bool:
        """Return the answer, at most a second old; no when there is none in time."""
        is_there = self._ask_in_time()
        if is_there is not self._was_there:
            # Said when it changes: a load balancer asks every few seconds.
            self._was_there = is_there
            if is_there:
                log.info("readiness.back", part=self._about)
            else:
                log.warning("readiness.lost", part=self._about)
        return is_there

    def _ask_in_time(self) -> bool:
        with self._lock:
            if time.monotonic() - self._at < FRESH_SECONDS:
                return self._answer
            if self._answered is None:
                self._answered = threading.Event()
                threading.Thread(target=self._run, args=(self._answered,), name="probe", daemon=True).start()
            answered = self._answered
        return answered.wait(self._patience) and self._answer

    def forget(self) -> None:
        """Ask anew next time. For tests."""
        self._at = float("-inf")

    def _run(self, answered: threading.Event) -> None:
        answer = False
        try:
            answer = self._ask()
        finally:
            with self._lock:
                self._answer, self._at, self._answered = answer, time.monotonic(), None
            answered.set()


def _database_takes_writes() -> bool:
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SHOW transaction_read_only")
                if cursor.fetchone()[0] != "off":
                    return False
            # Also says that the tables are there.
            cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(Organization._meta.db_table)} LIMIT 1")  # noqa: S608
            cursor.fetchone()
    except DatabaseError:
        return False
    finally:
        connection.close()
    return True


def _broker_answers() -> bool:
    if settings.BROKER_URL.startswith("memory:"):
        return True
    try:
        with current_app.connection_for_write(connect_timeout=PATIENCE_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=PATIENCE_SECONDS)
    except BROKER_ERRORS:
        return False
    return True


def _workers_are_alive() -> bool:
    try:
        return workers.alive() > 0
    except DatabaseError:
        return False
    finally:
        connection.close()


DATABASE = Question("database", _database_takes_writes)
BROKER = Question("broker", _broker_answers)
WORKERS = Question("workers", _workers_are_alive)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process is up. Asks nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """The process can receive: the database takes writes. `?all=1` asks for broker and workers too.

    503 and the names of the parts that are missing; no host, no tenant.
    """
    parts = {"database": DATABASE}
    if request.GET.get("all", "").lower() in ("1", "true", "yes"):
        parts |= {"broker": BROKER, "workers": WORKERS}
    missing = [name for name, question in parts.items() if not question.answer()]
    if missing:
        answer = JsonResponse({"status": "unavailable", "missing": missing}, status=503, headers={"Retry-After": "5"})
        # As Django marks what its log has a line about; ours was written when the part went missing.
        answer._has_been_logged = True  # type: ignore[attr-defined]
        return answer
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus: for the bearer of METRICS_TOKEN, and for addresses in METRICS_ALLOW."""
    if not _may_see_metrics(request):
        refusal = {
            "code": "not_authenticated",
            "detail": "Send SUPPORTOPS_METRICS_TOKEN as a bearer token, or come from SUPPORTOPS_METRICS_ALLOW.",
            "attr": None,
        }
        return JsonResponse(
            {"type": "client_error", "errors": [refusal]}, status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    # A database that hangs would hold up every scrape, and with each of them a thread.
    return HttpResponse(metrics.text(is_database_up=DATABASE.answer()), content_type=metrics.CONTENT_TYPE)


def _may_see_metrics(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    if not settings.METRICS_ALLOW or (_came_through_a_proxy(request) and not settings.TRUSTED_PROXIES):
        return False
    return addresses.is_allowed(addresses.client_ip(request), settings.METRICS_ALLOW)


def _came_through_a_proxy(request: HttpRequest) -> bool:
    # Its address, which may well be this machine's, would then stand for everybody's.
    return any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"))


VIEWS: dict[str, Any] = {"healthz": healthz, "readyz": readyz, "metrics": metrics_page}
