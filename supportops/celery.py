"""The Celery application: which queues there are, and why it is configured as it is.

The database is the truth and Celery the engine: messages carry nothing, the broker may be emptied at any time.
Started as `celery -A supportops.celery worker`, or inside the one process of the embedded default.
"""

import functools
import logging
import os
import signal
from typing import Any

from celery import Celery, signals

# The stubs know neither the worker's half of the fixup nor what install() gives.
from celery.fixups.django import DjangoFixup, DjangoWorkerFixup  # type: ignore[attr-defined]
from django.conf import settings
from django.db import close_old_connections, connections
from kombu import Exchange, Queue

from supportops.running import pulse
from supportops.running.processes import die_with, share_memory_with_children, take_turns_quickly

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")


class _WorkerFixup(DjangoWorkerFixup):  # type: ignore[misc]
    """Keeps database connections between tasks as Django keeps them between requests."""

    def _close_database(self) -> None:
        # Celery's own closes the connection around each task and, in prefork children, the whole pool: a new
        # connection per task. Django's rule (age, health after an error) is enough.
        close_old_connections()

    def on_worker_process_init(self, **kwargs: Any) -> None:
        # The parent's connections came along with the fork: their sockets are the parent's, and a pool's threads
        # did not come. Forgotten without closing; Celery's own would close what this process has just opened.
        for connection in connections.all(initialized_only=True):
            connection.connection = None
            pools = getattr(type(connection), "_connection_pools", {})
            if connection.alias in pools:
                _of_the_parent.append(pools.pop(connection.alias))
        begin_process()


# Kept for good: a pool that nobody refers to would try to close itself.
_of_the_parent: list[Any] = []
_master: list[int] = []


@signals.worker_init.connect
def _remember_master(**_: Any) -> None:
    _master[:] = [os.getpid()]


@signals.worker_before_create_process.connect
def _share_memory(**_: Any) -> None:
    share_memory_with_children()


def begin_process() -> None:
    """Let a pool process die with its master, which by itself it does not, and beat as a worker from now on."""
    from rules import workers  # models: readable only once Django is set up

    die_with(_master[0], signal.SIGKILL)
    take_turns_quickly()
    workers.this_worker_id()


class _Fixup(DjangoFixup):
    # Made when first asked for: the application has no configuration yet when its fixups are installed.
    @functools.cached_property
    def worker_fixup(self) -> _WorkerFixup:
        return _WorkerFixup(self.app)


def django_fixup(app: Celery) -> DjangoFixup:
    """Give `app` the Django fixup of this project (named in `Celery(fixups=...)`)."""
    fixup = _Fixup(app)
    fixup.install()
    return fixup


app = Celery(
    "supportops",
    fixups=["supportops.celery:django_fixup"],
    task_cls="supportops.running.waking:WakingTask",
)
app.conf.update(
    broker_url=settings.BROKER_URL,
    # --- messages: JSON, no results, nothing that could be lost with them
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # --- queues
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in ("work", "scripts", "maintenance")],
    task_default_queue="work",
    task_routes={
        "supportops.jobs.tasks.work": {"queue": "maintenance"},
        **{name: {"queue": queue} for name, (queue, _) in settings.SCHEDULE.items()},
    },
    task_create_missing_queues=False,
    # --- the broker may be away: workers come back by themselves, publishers give up at once (the sweep goes on)
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=3,
    task_publish_retry=False,
    broker_transport_options=(
        # The in-memory transport polls; its default of one second would be the latency of every step.
        {"polling_interval": 0.02}
        if settings.BROKER_URL.startswith("memory:")
        # A message whose worker died is given out again after the visibility timeout: merely one more wake-up.
        else {
            "visibility_timeout": 600,
            "socket_connect_timeout": 3,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 10,
        }
    ),
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    enable_utc=True,
    timezone="UTC",
)

# Two lines for each wake-up, many a second, tell nothing: what was done stands in the database.
for name in ("celery.worker.strategy", "celery.app.trace"):
    logging.getLogger(name).setLevel(logging.WARNING)


@signals.setup_logging.connect
def _leave_logging_to_django(**_: Any) -> None:
    """Connected so that Celery configures no logging: settings.LOGGING holds for workers too."""


@signals.worker_init.connect
def _put_up_second_wall(**_: Any) -> None:
    """Workers run code of others; forked children keep what their parent has put up."""
    from integrations import second_wall

    if settings.SECOND_WALL:
        second_wall.install()


@signals.worker_process_shutdown.connect
def _end_process(**_: Any) -> None:
    """What an ending process still holds goes to others at once."""
    from rules import workers

    workers.stop()


@app.task(name=pulse.TASK)
def _pulse() -> None:
    """Do nothing: that the message came is all that it is about."""


@signals.celeryd_after_setup.connect
def _listen_to_own_pulse(sender: str, instance: Any, **_: Any) -> None:
    """A worker on the queue of work hears itself, too. Others may rightly be busy for long."""
    if "work" in app.amqp.queues.consume_from:
        app.amqp.queues.select_add(pulse.own_queue(sender))


@signals.worker_ready.connect
def _begin_pulse(sender: Any, **_: Any) -> None:
    # Only now, when the pool's processes are forked: a thread might hold a lock that they would inherit.
    name = pulse.own_queue(sender.hostname).name
    if name in app.amqp.queues.consume_from:
        pulse.watch_worker(app, app.amqp.queues[name])
