"""Steps that call nobody: waiting for a time, for somebody's approval, for another rule. What they are given."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, WithJsonSchema, model_validator

from rules.business_time import DEFAULT
from rules.document import OF_CALENDAR, CalendarName, seconds_of

LONGEST_WAIT = 366 * 86400.0
# What a run may wait for instead of a time: that business hours begin.
OPEN = "open"


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, populate_by_name=True)


def _moment(value: Any) -> Any:
    """Take a time of day with a date, as RFC 3339 or as seconds since 1970; without a zone it is UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        found = datetime.fromisoformat(value)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return value


def _moment_or_opening(value: Any) -> Any:
    if value == OPEN:
        return value
    try:
        return _moment(value)
    except ValueError:
        raise ValueError(f"'{str(value)[:40]}' is neither a time such as 2026-12-01T09:00:00Z nor `open`") from None


Duration = Annotated[
    float,
    BeforeValidator(seconds_of),
    Field(ge=0, le=LONGEST_WAIT),
    # As people write it: 2h as well as 7200.
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}], "x-duration": True}),
]


class Wait(_Given):
    """For how long, or until when, the run rests before it goes on."""

    for_: Duration | None = Field(None, alias="for", title="For", description="Such as 30s, 15m, 2h, 7d.")
    until: Annotated[datetime | Literal["open"], BeforeValidator(_moment_or_opening)] | None = Field(
        None,
        title="Until",
        description="Such as 2026-12-01T09:00:00Z; past: no wait. open: until business hours begin.",
    )
    calendar: CalendarName | None = Field(None, title="Calendar", description=OF_CALENDAR)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.for_ is None) == (self.until is None):
            raise ValueError("give either `for` or `until`")
        if self.calendar is not None and isinstance(self.until, datetime):
            raise ValueError("a calendar goes with `for`, or with `until: open`: a date and time needs none")
        return self

    @property
    def calendar_name(self) -> str | None:
        """Return which calendar is asked; None: all hours count."""
        return self.calendar or (DEFAULT if self.until == OPEN else None)


class ChatPlace(_Given):
    """Where in a chat a question is asked."""

    integration: str | None = Field(None, title="Integration", description="Name or id, where there are several.")
    channel: str = Field(title="Channel", description="Name (#ops) or id; the bot must be a member.", min_length=1)


class Approval(_Given):
    """Who is asked, and what it means when nobody answers in time."""

    message: str = Field("", title="Question", max_length=2000)
    roles: list[Literal["owner", "admin", "editor", "operator"]] = Field(
        [], title="Roles", description="Who may decide; anybody who may run rules when empty."
    )
    people: list[EmailStr] = Field([], title="People", description="E-mail addresses of members who may decide.")
    deadline: Duration = Field(7 * 86400.0, title="Deadline", description="How long the answer is waited for.")
    on_silence: Literal["reject", "approve"] = Field("reject", title="Nobody answers")
    slack: ChatPlace | None = Field(
        None,
        title="Ask in Slack",
        description="A message with two buttons, for those whose mail address is a member's.",
    )
    notify: bool = Field(
        True, title="Ask by mail", description="Those who may decide get a mail each, to answer at a one-time address."
    )


class NestedRule(_Given):
    """Which rule is run, with what."""

    rule: str = Field(title="Rule", description="Name or id.", min_length=1)
    inputs: dict[str, Any] = Field({}, title="Inputs")


MODELS: dict[str, type[BaseModel]] = {"wait": Wait, "approval": Approval, "rule": NestedRule}
