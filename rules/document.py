"""The rule document: what a rule is, as pydantic models. Pure; `rules.checking` says what is wrong with one.

`actions` and `steps` are two names of one list. A document is stored as typed; these models read it.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rules.flow import Graph, graph_of
from rules.retry import RetryPolicy

MOST_STEPS = 100
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}

# Step ids as expressions can name them after `steps.`.
STEP_ID = r"^[A-Za-z_][A-Za-z0-9_-]{0,62}$"


def item_name(step: str, index: int) -> str:
    """Return what an item of a step with `for_each` is called; no step's id has brackets."""
    return f"{step}[{index}]"


def step_of_item(name: str) -> str:
    """Return the id of the step whose item is called `name`; of a step's own name that name."""
    return name.partition("[")[0]


def seconds_of(value: Any) -> Any:
    """Return a duration such as "2s", "5m" or 30 as seconds. Raises ValueError that shows the form."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(  # noqa: TRY004 - pydantic turns a ValueError into a problem
            'a duration is a number of seconds or a text such as "2s", "5m", "1h"'
        )
    match = _DURATION.match(str(value).strip())
    if match is None:
        raise ValueError(f'{value!r} is no duration; write "2s", "5m", "1h" or a number of seconds'[:200])
    return float(match[1]) * _SECONDS[match[2]]


Seconds = Annotated[float, BeforeValidator(seconds_of)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


CalendarName = Annotated[str, Field(min_length=1, max_length=63)]
OF_CALENDAR = "Whose business hours count: with it, 4h are four open hours. default: the default calendar."
LONGEST_SINCE = 366 * 86400.0


class Since(_Part):
    """When the rule runs after an event, unless a later one of the same object ends that: a timer."""

    for_: Seconds | None = Field(
        None,
        alias="for",
        title="For",
        description="How long nothing else may happen to the object, such as 30m, 4h, 3d.",
        gt=0,
        le=LONGEST_SINCE,
    )
    before: str | None = Field(
        None,
        title="Before",
        description="A field of the event that holds a time, such as ticket.due_by.",
        max_length=256,
    )
    by: Seconds = Field(0.0, title="By", description="How long before that time, such as 1h.", ge=0, le=LONGEST_SINCE)
    calendar: CalendarName | None = Field(None, title="Calendar", description=OF_CALENDAR)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.for_ is None) == (self.before is None):
            raise ValueError("give either `for`, or `before` with `by`")
        if self.for_ is not None and "by" in self.model_fields_set:
            raise ValueError("`by` goes with `before`")
        return self


class Trigger(_Part):
    """What wakes the rule: events of a platform, times (`schedule`), or nothing but people (`manual`)."""

    platform: str = Field("manual", max_length=63)
    event: str | list[str] | None = None
    integration: str | None = Field(None, max_length=200)
    environment: str | None = Field(None, max_length=63)
    conditions: Any = None
    # The rule does not run at once, but when nothing has ended it until then.
    since: Since | None = None
    # For `schedule`: five fields of cron, in the time zone of this name.
    cron: str | None = Field(None, max_length=200)
    zone: str = Field("UTC", max_length=63)

    @property
    def events(self) -> tuple[str, ...]:
        """Return the event types, "*" for all; empty for a rule that no event wakes."""
        if self.event is None:
            return ()
        return tuple(self.event) if isinstance(self.event, list) else (self.event,)


class Retry(_Part):
    """How a step is tried again after transient failures. `attempts` counts the first one."""

    attempts: int = Field(8, ge=1, le=20)
    base: Seconds = Field(2.0, ge=0, le=3600)
    factor: float = Field(4.0, ge=1, le=10)
    cap: Seconds = Field(3600.0, ge=0, le=86400)


MOST_ITEMS = 1000


class ForEach(_Part):
    """A list, and how a step is done once for each of its items."""

    # A list, or one whole expression whose value is one.
    items: str | list[Any]
    # With more items than this nothing is done.
    max: int = Field(100, ge=1, le=MOST_ITEMS)
    # So many items are under way at once.
    in_flight: int = Field(5, ge=1, le=50)


MOST_SENSITIVE = 20


class SensitiveOutput(_Part):
    """What is secret in the output of a step, such as a token that it fetches."""

    paths: list[str] = Field(
        min_length=1,
        max_length=MOST_SENSITIVE,
        title="Secret parts",
        description="Paths into the output, such as body.access_token.",
    )
    hosts: list[str] = Field(
        default_factory=list,
        max_length=50,
        title="May be sent to",
        description="Hosts, such as api.example.com; where it came from when none is named.",
    )


def _paths_in_full(value: Any) -> Any:
    return {"paths": [value] if isinstance(value, str) else value} if isinstance(value, (str, list)) else value


def _in_full(value: Any) -> Any:
    return {"items": value} if isinstance(value, (str, list)) else value


class StepDocument(_Part):
    """One action, wait, approval or nested rule, and under which circumstances it is done."""

    id: str | None = Field(None, pattern=STEP_ID)
    description: str | None = Field(None, max_length=500)
    platform: str | None = Field(None, max_length=63)
    integration: str | None = Field(None, max_length=200)
    action: str | None = Field(None, min_length=1, max_length=80)
    parameters: dict[str, Any] = Field(default_factory=dict)
    # Instead of an action; what stands in them is described by rules.kinds.
    wait: dict[str, Any] | None = None
    approval: dict[str, Any] | None = None
    rule: str | None = Field(None, min_length=1, max_length=200)
    inputs: dict[str, Any] | None = None
    for_each: Annotated[ForEach, BeforeValidator(_in_full)] | None = None
    condition: str | bool | None = None
    needs: list[str] | None = None
    throttle: str | None = Field(
        None,
        max_length=300,
        title="At most",
        description="How often it is done, such as `one per 10m per ticket.id` or `3 per 1h`; the rest is left out.",
    )
    digest: str | None = Field(
        None,
        max_length=300,
        title="Gather",
        description="For how long events are gathered and told in one, such as `15m` or `15m per inputs.team`.",
    )
    sensitive: Annotated[SensitiveOutput, BeforeValidator(_paths_in_full)] | None = Field(
        None,
        title="Secret in its output",
        description="Sealed and masked everywhere; later steps of the run that name it send it to its hosts alone.",
    )
    on_failure: Literal["abort", "continue"] = "abort"
    on_uncertain: Literal["hold", "retry"] = "hold"
    retry: Retry = Field(default_factory=Retry)
    timeout: Seconds = Field(30.0, gt=0, le=300)
    optional: bool = False
    strict: bool = False

    @property
    def kind(self) -> str:
        """Return `action`, `wait`, `approval` or `rule`."""
        return next((name for name in ("wait", "approval", "rule") if getattr(self, name) is not None), "action")

    @property
    def given(self) -> dict[str, Any]:
        """Return what the step is given, with expressions: the parameters of its action, or those of its kind."""
        if self.kind == "rule":
            return {"rule": self.rule, "inputs": self.inputs or {}}
        return {"wait": self.wait, "approval": self.approval}.get(self.kind) or self.parameters

    @property
    def items(self) -> str | list[Any]:
        """Return the list of `for_each`, with expressions; empty without one."""
        return self.for_each.items if self.for_each is not None else []

    @property
    def condition_text(self) -> str | None:
        """Return the condition as an expression; None when there is none."""
        if isinstance(self.condition, bool):
            return str(self.condition).lower()
        return self.condition

    def retry_policy(self) -> RetryPolicy:
        """Return what rules.retry goes by."""
        return RetryPolicy(self.retry.attempts, self.retry.base, self.retry.factor, self.retry.cap)


class Input(_Part):
    """One declared input of a rule that is started by hand."""

    type: Literal["string", "number", "integer", "boolean", "object", "array"] = "string"
    description: str | None = Field(None, max_length=500)
    default: Any = None
    required: bool = True


class Concurrency(_Part):
    """Order of runs that share a key."""

    key: str | None = Field(None, max_length=200)
    mode: Literal["parallel", "queued", "single", "restart"] = "parallel"


class RuleDocument(_Part):
    """A whole rule document."""

    name: str | None = Field(None, max_length=200)
    description: str | None = Field(None, max_length=5000)
    enabled: bool = True
    trigger: Trigger = Field(default_factory=Trigger)
    concurrency: Concurrency = Field(default_factory=Concurrency)
    inputs: dict[str, Input] | None = None
    late: Literal["run", "skip"] = "run"
    gate: bool = False
    environment: str | None = Field(None, max_length=63)
    steps: list[StepDocument] | None = Field(None, max_length=MOST_STEPS)
    actions: list[StepDocument] | None = Field(None, max_length=MOST_STEPS)

    @property
    def listens(self) -> bool:
        """Whether events of a platform wake this rule."""
        return bool(self.trigger.events)

    def named_steps(self) -> list[tuple[str, StepDocument]]:
        """Return the steps with their ids; those without one are `step-1`, `step-2`, ... by position."""
        steps = self.steps if self.steps is not None else self.actions or []
        return [(step.id or f"step-{place}", step) for place, step in enumerate(steps, 1)]

    def graph(self) -> Graph:
        """Return which steps wait for which others."""
        return graph_of((name, step.needs) for name, step in self.named_steps())
