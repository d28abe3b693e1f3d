"""What Freshdesk's actions take, and how its credentials and configuration look.

Fields and their limits: https://developers.freshdesk.com/api/ (read 2026-11).
"""

import re
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from integrations.attachments import Attachments
from integrations.specs import Choice, Credential, CredentialFields, Encode, Html

PRIORITIES = {"low": 1, "medium": 2, "high": 3, "urgent": 4}
STATUSES = {"open": 2, "pending": 3, "resolved": 4, "closed": 5}
SOURCES = {"email": 1, "portal": 2, "phone": 3, "chat": 7, "feedback_widget": 9, "outbound_email": 10}

_ACCOUNT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MAX_BULK = 100


def account_domain(text: str) -> str:
    """Return ``acme.freshdesk.com`` for an account's name or its freshdesk.com address. Raises ValueError."""
    account = text.strip().lower().removesuffix(".freshdesk.com")
    if not _ACCOUNT.fullmatch(account):
        # The API answers on freshdesk.com alone, not on a help desk's own host name.
        raise ValueError("give the account's name or its address at freshdesk.com, such as acme.freshdesk.com")
    return f"{account}.freshdesk.com"


def _whole(value: int | str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,19}", text):
        raise ValueError("is not an id: give its digits")
    return int(text)


def _coded(names: dict[str, int], what: str, *, own: bool) -> Any:
    """A validator that turns a code's name or number into its number; `own` lets other names pass, to be looked up."""

    def code(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"is not a {what}: give one of {', '.join(names)}, or its number")  # noqa: TRY004
        text = str(value).strip()
        known = names.get(re.sub(r"[\s-]+", "_", text.lower()))
        if known is not None:
            return known
        if re.fullmatch(r"[0-9]{1,9}", text) and (own or int(text) in names.values()):
            return int(text)
        if own and text:
            return text
        raise ValueError(f"'{text}' is not a {what}: give one of {', '.join(names)}, or its number")

    return BeforeValidator(code)


def _coded_schema(names: dict[str, int], *, own: bool) -> WithJsonSchema:
    numbers: dict[str, Any] = {"type": "integer", "minimum": min(names.values())}
    if not own:
        numbers["maximum"] = max(names.values())
    # A text that is no known name is either the name of the account's own code, or refused by the validator.
    return WithJsonSchema({"anyOf": [{"type": "string", "enum": list(names)}, numbers, *([{"type": "string"}] * own)]})


Id = Annotated[int | str, AfterValidator(_whole)]
Priority = Annotated[int, _coded(PRIORITIES, "priority", own=False), _coded_schema(PRIORITIES, own=False)]
Status = Annotated[
    int | str, _coded(STATUSES, "status", own=True), _coded_schema(STATUSES, own=True), Choice("statuses")
]
Source = Annotated[int | str, _coded(SOURCES, "source", own=True), _coded_schema(SOURCES, own=True)]
# An agent or group as people know it; ids and texts of digits are taken as ids.
Who = Annotated[int | str, Field(union_mode="left_to_right")]
Agent = Annotated[Who | None, Choice("agents")]
Group = Annotated[Who | None, Choice("groups")]
Texts = list[str]
# The mark must stand outside of the union: inside of it nobody finds it among a field's metadata.
HtmlOrNothing = Annotated[str | None, Encode("html")]
Tag = Annotated[str, Field(min_length=1, max_length=32)]

_AGENT = AliasChoices("agent", "agent_id", "responder_id")
_GROUP = AliasChoices("group", "group_id")
_TICKET = AliasChoices("ticket_id", "id")
_FILES = "Files of the organization by name, or addresses; 20 MB in all."


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, str_strip_whitespace=True)


_Changes = TypeVar("_Changes", bound=Parameters)


def _changes_something(parameters: _Changes, object_id: str) -> _Changes:
    """Refuse an update that names its object and nothing to change."""
    values = parameters.model_dump(exclude={object_id})
    if all(value is None or value == [] for name, value in values.items() if name in parameters.model_fields_set):
        raise ValueError("there is nothing to change: give at least one field")
    return parameters


class FreshdeskCredentials(CredentialFields):
    domain: Annotated[str, Credential(is_secret=False, is_place=True)] = Field(
        title="Domain",
        description="Your address at Freshdesk: acme.freshdesk.com, or just acme.",
        min_length=1,
    )
    api_key: Annotated[str, Credential(where="Your profile picture → Profile settings → View API key")] = Field(
        title="API key",
        description="The key of the agent in whose name we act. It can do what that agent's role can do.",
        min_length=1,
    )

    @field_validator("domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        return account_domain(value)


class FreshdeskConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_priority: Priority | None = Field(
        None, title="Default priority", description="For tickets that a rule creates without a priority."
    )
    default_status: Status | None = Field(
        None, title="Default status", description="For tickets that a rule creates without a status."
    )
    auto_assign: bool = Field(
        False,
        title="Assign new tickets",
        description="Gives tickets that a rule creates without agent and group to those named below.",
    )
    auto_assign_group: Group = Field(
        None, title="… to this group", description="A group's name or id.", examples=["Billing"]
    )
    auto_assign_agent: Agent = Field(
        None, title="… to this agent", description="An agent's e-mail address, name or id."
    )


class TicketFields(Parameters):
    """What can be set on a ticket, new or not."""

    subject: str | None = Field(None, title="Subject", max_length=255)
    description: HtmlOrNothing = Field(None, title="Description", description="HTML; plain text is fine.")
    priority: Priority | None = Field(None, title="Priority", description="low, medium, high, urgent, or 1 to 4.")
    status: Annotated[Status | None, Choice("statuses")] = Field(
        None,
        title="Status",
        description="open, pending, resolved, closed, 2 to 5, or the name or number of a status of your own.",
    )
    type: str | None = Field(None, title="Type", description="One of your ticket types, such as Incident.")
    source: Source | None = Field(None, title="Source", description="Where it came from: email, portal, phone, …")
    agent: Agent = Field(
        None, title="Agent", description="An agent's e-mail address, name or id.", validation_alias=_AGENT
    )
    group: Group = Field(None, title="Group", description="A group's name or id.", validation_alias=_GROUP)
    custom_fields: dict[str, Any] | None = Field(
        None, title="Custom fields", description="By their names in the API, which begin with cf_."
    )
    due_by: datetime | None = Field(None, title="Due", description="Give it together with the first response's time.")
    fr_due_by: datetime | None = Field(None, title="First response due")
    product_id: Id | None = Field(None, title="Product (id)")
    company_id: Id | None = Field(None, title="Company (id)", description="Needs the feature of several companies.")
    email_config_id: Id | None = Field(None, title="Mailbox (id)", description="The support address that answers.")
    internal_agent_id: Id | None = Field(None, title="Internal agent (id)")
    internal_group_id: Id | None = Field(None, title="Internal group (id)")

    @model_validator(mode="after")
    def _both_times(self) -> Self:
        # The API refuses one without the other.
        if (self.due_by is None) != (self.fr_due_by is None):
            raise ValueError("due_by and fr_due_by belong together: give both or neither")
        return self


class CreateTicket(TicketFields):
    subject: str = Field(title="Subject", min_length=1, max_length=255)
    description: HtmlOrNothing = Field(
        None, title="Description", description="HTML; plain text is fine. Left out: the subject."
    )
    email: str | None = Field(
        None, title="Requester's e-mail", description="A contact is made for an address that is not known yet."
    )
    requester_id: Id | None = Field(None, title="Requester (id)", description="A contact that exists.")
    name: str | None = Field(None, title="Requester's name", description="Needed with a phone number alone.")
    phone: str | None = Field(None, title="Requester's phone")
    unique_external_id: str | None = Field(None, title="Requester's external id")
    twitter_id: str | None = Field(None, title="Requester's Twitter handle")
    facebook_id: str | None = Field(None, title="Requester's Facebook id")
    tags: list[Tag] = Field(default_factory=list, title="Tags")
    cc_emails: Texts = Field(default_factory=list, title="CC")
    parent_id: Id | None = Field(None, title="Parent ticket (id)")
    attachments: Attachments = Field(default_factory=list, title="Attachments", description=_FILES)

    @model_validator(mode="after")
    def _somebody_asks(self) -> Self:
        asks = ("requester_id", "email", "phone", "unique_external_id", "twitter_id", "facebook_id")
        if all(getattr(self, name) in (None, "") for name in asks):
            raise ValueError(f"a ticket needs a requester: give one of {', '.join(asks)}")
        if self.phone and not self.name and all(not getattr(self, name) for name in asks if name != "phone"):
            raise ValueError("a requester who is known by phone alone needs a name")
        return self


class TicketId(Parameters):
    ticket_id: Id = Field(title="Ticket", description="Its number.", validation_alias=_TICKET)


class UpdateTicket(TicketFields):
    ticket_id: Id = Field(title="Ticket", description="Its number.", validation_alias=_TICKET)
    tags: list[Tag] | None = Field(None, title="Tags", description="Replaces all tags that the ticket has.")
    add_tags: list[Tag] = Field(default_factory=list, title="Add tags")
    remove_tags: list[Tag] = Field(default_factory=list, title="Remove tags")
    attachments: Attachments = Field(default_factory=list, title="Attachments", description=_FILES)

    @model_validator(mode="after")
    def _one_way_with_tags(self) -> Self:
        if self.tags is not None and (self.add_tags or self.remove_tags):
            raise ValueError("tags replaces the whole list; it does not go with add_tags or remove_tags")
        return _changes_something(self, "ticket_id")


class AddNote(TicketId):
    body: Html = Field(title="Note", description="HTML; plain text is fine.", min_length=1)
    private: bool = Field(True, title="Private", description="Only agents see it.")
    notify_emails: Texts = Field(default_factory=list, title="Notify", description="Agents' e-mail addresses.")
    incoming: bool = Field(False, title="From the customer", description="Shows the note as one of the customer's.")
    user_id: Id | None = Field(None, title="In the name of (agent's id)")
    attachments: Attachments = Field(default_factory=list, title="Attachments", description=_FILES)


class AddReply(TicketId):
    body: Html = Field(
        title="Reply", description="HTML; plain text is fine. It is mailed to the customer.", min_length=1
    )
    from_email: str | None = Field(None, title="From", description="One of your support addresses.")
    cc_emails: Texts = Field(default_factory=list, title="CC")
    bcc_emails: Texts = Field(default_factory=list, title="BCC")
    user_id: Id | None = Field(None, title="In the name of (agent's id)")
    attachments: Attachments = Field(default_factory=list, title="Attachments", description=_FILES)


class AssignTicket(TicketId):
    agent: Agent = Field(
        None, title="Agent", description="An agent's e-mail address, name or id.", validation_alias=_AGENT
    )
    group: Group = Field(None, title="Group", description="A group's name or id.", validation_alias=_GROUP)

    @model_validator(mode="after")
    def _to_somebody(self) -> Self:
        if self.agent is None and self.group is None:
            raise ValueError("give an agent or a group")
        return self


class ChangeStatus(TicketId):
    status: Status = Field(
        title="Status",
        description="open, pending, resolved, closed, 2 to 5, or the name or number of a status of your own.",
    )


class AddTimeEntry(TicketId):
    time_spent: str | None = Field(
        None, title="Time spent", description="Hours and minutes: 01:30.", pattern=r"^\d{1,3}:[0-5]\d$"
    )
    note: str | None = Field(None, title="Note")
    agent: Agent = Field(
        None, title="Agent", description="An agent's e-mail address, name or id.", validation_alias=_AGENT
    )
    billable: bool = Field(True, title="Billable")
    executed_at: datetime | None = Field(None, title="Worked at")
    timer_running: bool = Field(False, title="Start a timer", description="Instead of giving the time spent.")
    start_time: datetime | None = Field(None, title="Timer started at")

    @model_validator(mode="after")
    def _time(self) -> Self:
        if self.time_spent is None and not self.timer_running:
            raise ValueError("give time_spent, or let the timer run")
        return self


class ContactFields(Parameters):
    email: str | None = Field(None, title="E-mail")
    phone: str | None = Field(None, title="Phone")
    mobile: str | None = Field(None, title="Mobile")
    twitter_id: str | None = Field(None, title="Twitter handle")
    unique_external_id: str | None = Field(None, title="External id")
    company: int | str | None = Field(
        None,
        title="Company",
        description="A company's name or id.",
        validation_alias=AliasChoices("company", "company_id"),
    )
    job_title: str | None = Field(None, title="Job title")
    language: str | None = Field(None, title="Language", description="Such as en or pt-BR.")
    time_zone: str | None = Field(None, title="Time zone", description="By its name in Freshdesk, such as Berlin.")
    address: str | None = Field(None, title="Address")
    description: str | None = Field(None, title="About")
    tags: list[Tag] | None = Field(None, title="Tags", description="Replaces all tags that the contact has.")
    custom_fields: dict[str, Any] | None = Field(None, title="Custom fields")


class CreateContact(ContactFields):
    name: str = Field(title="Name", min_length=1)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        ways = ("email", "phone", "mobile", "twitter_id", "unique_external_id")
        if all(getattr(self, name) in (None, "") for name in ways):
            raise ValueError(f"a contact needs one of {', '.join(ways)}")
        return self


class UpdateContact(ContactFields):
    contact_id: Id = Field(title="Contact (id)", validation_alias=AliasChoices("contact_id", "id"))
    name: str | None = Field(None, title="Name")

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self, "contact_id")


class CompanyFields(Parameters):
    description: str | None = Field(None, title="Description")
    note: str | None = Field(None, title="Notes")
    domains: Texts | None = Field(
        None, title="Domains", description="Contacts with such e-mail addresses belong to it. Replaces the whole list."
    )
    health_score: str | None = Field(None, title="Health score")
    account_tier: str | None = Field(None, title="Account tier")
    industry: str | None = Field(None, title="Industry")
    renewal_date: datetime | None = Field(None, title="Renewal")
    custom_fields: dict[str, Any] | None = Field(None, title="Custom fields")


class CreateCompany(CompanyFields):
    name: str = Field(title="Name", min_length=1)


class UpdateCompany(CompanyFields):
    company_id: Id = Field(title="Company (id)", validation_alias=AliasChoices("company_id", "id"))
    name: str | None = Field(None, title="Name")

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self, "company_id")


class BulkUpdate(Parameters):
    ticket_ids: list[Id] = Field(
        title="Tickets",
        description="Their numbers, at most 100.",
        min_length=1,
        max_length=_MAX_BULK,
        validation_alias=AliasChoices("ticket_ids", "ids"),
    )
    priority: Priority | None = Field(None, title="Priority")
    status: Annotated[Status | None, Choice("statuses")] = Field(None, title="Status")
    type: str | None = Field(None, title="Type")
    agent: Agent = Field(
        None, title="Agent", description="An agent's e-mail address, name or id.", validation_alias=_AGENT
    )
    group: Group = Field(None, title="Group", description="A group's name or id.", validation_alias=_GROUP)
    tags: list[Tag] | None = Field(None, title="Tags", description="Replaces all tags that the tickets have.")
    custom_fields: dict[str, Any] | None = Field(None, title="Custom fields")

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self, "ticket_ids")
