"""What may be decided of a claimed step instead of a call: each knows how to write itself into a settlement."""

import uuid
from datetime import datetime
from typing import Any

from rules.models import Step
from rules.retry import AwaitCredentials
from rules.settling import Settlement

# How a step says that it was left out for want of an integration.
NOT_CONFIGURED = "NotConfigured"


class Decision(Exception):
    """There is no call to make now."""

    def settle(self, settlement: Settlement, row: Step) -> None:
        raise NotImplementedError


class Failed(Decision):
    def __init__(self, error_class: str, message: str, shown: Any = None) -> None:
        super().__init__(message)
        self.error_class, self.message, self.shown = error_class, message, shown

    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.fail(row, self.error_class, self.message)
        if self.shown is not None:
            settlement.keep(row, parameters=self.shown)


class Skipped(Decision):
    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.skip(row, "Its condition was not met.")


class NotConfigured(Decision):
    """An optional step has no integration to be done with: the run says so, and goes on."""

    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.skip(row, str(self), NOT_CONFIGURED)


class Throttled(Decision):
    """Its throttle had no place for the step: it is left out, and says why."""

    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.skip(row, str(self))


class Told(Decision):
    """Another step has told in its digest what this one had to tell."""

    def __init__(self, run_id: uuid.UUID, step_name: str, status: str, count: int) -> None:
        others = f" with {count - 1} other{'' if count == 2 else 's'}"
        became = {"succeeded": ".", "uncertain": "; whether it arrived is not known yet."}.get(
            status, f", which {'failed' if status == 'failed' else f'was {status}'}: see there."
        )
        super().__init__(f"Told{others} by the step '{step_name}' of run {run_id}{became}")
        self.shown = {"told_by": {"run": str(run_id), "step": step_name}, "count": count}

    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.skip(row, str(self))
        settlement.keep(row, output=self.shown)


class Cancelled(Decision):
    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.cancel(row)


class PutBack(Decision):
    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until

    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.put_back(row, self.until)


class AwaitsCredentials(Decision):
    def __init__(self, integration_id: uuid.UUID) -> None:
        super().__init__()
        self.integration_id = integration_id

    def settle(self, settlement: Settlement, row: Step) -> None:
        row.integration_id = self.integration_id
        settlement.move(row, AwaitCredentials(), "CredentialsRejected", "Waits for new credentials.")


class Succeeded(Decision):
    """The step is done without a call."""

    def __init__(self, output: Any = None, warnings: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.output, self.warnings = output, warnings

    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.succeed(row, self.output, self.warnings)


class Waits(Decision):
    """The step rests until a time, or until something else wakes it."""

    def __init__(
        self, what: str, *, until: datetime | None = None, deadline: datetime | None = None, shown: Any = None
    ) -> None:
        super().__init__()
        self.what, self.until, self.deadline, self.shown = what, until, deadline, shown

    def settle(self, settlement: Settlement, row: Step) -> None:
        settlement.wait(row, self.what, until=self.until, deadline=self.deadline)
        if self.shown is not None:
            settlement.keep(row, parameters=self.shown)
