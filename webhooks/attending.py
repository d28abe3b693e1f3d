"""What is looked after by itself: integrations' health, and what people are to be told. Any number may run at once."""

import structlog
from django.db import DatabaseError, connection

from integrations import attention, notices
from rules import chat_calls, chat_questions
from webhooks import reconciling

log = structlog.get_logger()


_PARTS = (
    notices.send_due,
    chat_questions.close_decided,
    chat_calls.send_due,
    attention.check_due,
    reconciling.reconcile_due,
)


def attend_once() -> None:
    """Do one round. A part that fails is logged and does not keep the others from being done."""
    for part in _PARTS:
        try:
            part()
        except DatabaseError as error:
            log.warning("attending.failed", part=part.__name__, error=str(error)[:200])
            connection.close()
        except Exception:
            log.exception("attending.failed", part=part.__name__)
