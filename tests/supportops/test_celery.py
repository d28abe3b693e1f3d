"""Tasks are known wherever somebody may wake them, and run in the queue meant for them."""

import subprocess
import sys

import pytest
from celery import current_app
from django.conf import settings

from supportops.running.arguments import BASE_DIR

WOKEN = {"webhooks.tasks.plan", "rules.tasks.perform", "supportops.jobs.tasks.work"}


def test_a_plain_django_process_knows_every_task() -> None:
    code = "import django; django.setup(); from celery import current_app; print(*current_app.tasks)"
    done = subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, capture_output=True, text=True, check=True)
    assert {*WOKEN, *settings.SCHEDULE} <= set(done.stdout.split())


@pytest.mark.parametrize("name", sorted({*WOKEN, *settings.SCHEDULE}))
def test_each_task_has_a_queue_that_somebody_works_on(name: str) -> None:
    others = {"supportops.jobs.tasks.work": ("maintenance", 0)}
    queue, _ = {**others, **settings.SCHEDULE}.get(name, ("work", 0))
    assert current_app.amqp.router.route({}, name)["queue"].name == queue
    assert queue in ("work", "scripts", "maintenance")
