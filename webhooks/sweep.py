"""The sweep: wakes workers for what is due, gives back what dead ones held, ends waits. Any number may run at once."""

import structlog
from django.db import DatabaseError, connection

from audit.sealing import seal_due
from rules import claims, recovery, schedules, timer_firing, wake
from rules.models import Step
from supportops import clock
from supportops.jobs import running as jobs
from webhooks.models import Delivery
from webhooks.processing import recover_deliveries

log = structlog.get_logger()


def sweep_once() -> None:
    """Do one round. A part that fails is logged and does not keep the others from being done."""
    for part in _PARTS:
        try:
            part()
        except DatabaseError as error:
            log.warning("sweep.failed", part=part.__name__, error=str(error)[:200])
            connection.close()
        except Exception:
            log.exception("sweep.failed", part=part.__name__)


def _recover() -> None:
    recovered = recovery.recover_steps() + recover_deliveries()
    if recovered:
        log.warning("sweep.recovered", rows=recovered)


def _wake() -> None:
    now = clock.now()
    if claims.organizations_due(claims.Claimable(Delivery), now):
        wake.plan()
    if claims.organizations_due(claims.Claimable(Step, queue="work"), now):
        wake.perform()
    jobs.wake_if_due()


_PARTS = (
    _recover,
    schedules.start_due,
    timer_firing.fire_due,
    recovery.resume_with_credentials,
    _wake,
    recovery.end_waits,
    recovery.let_forgotten_go,
    seal_due,
)
