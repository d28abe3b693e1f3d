"""What Zendesk's actions take, and how its credentials and configuration look.

Fields: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/ (read 2026-11).
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from integrations.attachments import Attachments
from integrations.specs import Choice, Credential, CredentialFields, Encode, Html

STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MAX_BULK = 100


def subdomain(text: str) -> str:
    """Return ``acme`` for an account's subdomain or its zendesk.com address. Raises ValueError."""
    name = text.strip().lower().removesuffix(".zendesk.com")
    if not _SUBDOMAIN.fullmatch(name):
        raise ValueError("give the account's subdomain, such as acme for acme.zendesk.com")
    return name


def _whole(value: int | str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,19}", text):
        raise ValueError("is not an id: give its digits")
    return int(text)


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _status(value: Any) -> Any:
    """Known statuses in lower case; anything else is a status of the account's own, by name or id."""
    if not isinstance(value, str):
        return value
    known = value.strip().lower().replace("on-hold", "hold").replace("on hold", "hold")
    return known if known in STATUSES else value.strip()


def _by_id(value: Any) -> Any:
    """{id: value} of the API's list of {"id", "value"}."""
    if isinstance(value, list) and all(isinstance(item, dict) and {"id", "value"} <= set(item) for item in value):
        return {str(item["id"]): item["value"] for item in value}
    return value


Id = Annotated[int | str, AfterValidator(_whole)]
Priority = Annotated[Literal["low", "normal", "high", "urgent"], BeforeValidator(_lower)]
TicketType = Annotated[Literal["problem", "incident", "question", "task"], BeforeValidator(_lower)]
Status = Annotated[int | str, BeforeValidator(_status)]
# A person, group, … as people know it; ids and texts of digits are taken as ids.
Who = Annotated[int | str, Field(union_mode="left_to_right")]
Agent = Annotated[Who | None, Choice("agents")]
Group = Annotated[Who | None, Choice("groups")]
Tag = Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
CustomFields = Annotated[dict[str, Any], BeforeValidator(_by_id)]

_TICKET = AliasChoices("ticket_id", "id")
_ASSIGNEE = AliasChoices("assignee", "assignee_id", "assignee_email")
_GROUP = AliasChoices("group", "group_id")
_ORGANIZATION = AliasChoices("organization", "organization_id")
_FILES = "Files of the organization by name, or addresses."
_STATUS_HELP = "new, open, pending, hold, solved, closed, or the name or id of a status of your own."


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, str_strip_whitespace=True)


_Changes = TypeVar("_Changes", bound=Parameters)


def _changes_something(parameters: _Changes, object_id: str) -> _Changes:
    """Refuse an update that names its object and nothing to change."""
    values = parameters.model_dump(exclude={object_id})
    if all(value is None or value == [] for name, value in values.items() if name in parameters.model_fields_set):
        raise ValueError("there is nothing to change: give at least one field")
    return parameters


class ZendeskCredentials(CredentialFields):
    """One of: an OAuth client, an access token, an e-mail address with an API token."""

    subdomain: Annotated[str, Credential(is_secret=False, is_place=True)] = Field(
        title="Subdomain", description="acme for acme.zendesk.com.", min_length=1
    )
    client_id: Annotated[str | None, Credential(is_secret=False, where="Admin Center → APIs → OAuth clients")] = Field(
        None, title="OAuth client: identifier", description="A confidential client of your own."
    )
    client_secret: Annotated[str | None, Credential(where="Shown once when the client is made")] = Field(
        None, title="OAuth client: secret"
    )
    access_token: str | None = Field(
        None, title="Access token", description="What a person granted, or an OAuth client of your own."
    )
    refresh_token: str | None = Field(
        None,
        title="Refresh token",
        description="Good for one new access token; it needs the OAuth client that both were granted to.",
    )
    email: Annotated[str | None, Credential(is_secret=False)] = Field(
        None, title="E-mail address", description="With an API token: whose it is."
    )
    api_token: str | None = Field(
        None, title="API token", description="An existing one; Zendesk makes no new ones and ends them in April 2027."
    )

    @field_validator("subdomain")
    @classmethod
    def _subdomain(cls, value: str) -> str:
        return subdomain(value)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        pairs = {"client_id": "client_secret", "client_secret": "client_id", "email": "api_token", "api_token": "email"}
        for one, other in pairs.items():
            if getattr(self, one) and not getattr(self, other):
                raise ValueError(f"{one} needs {other} beside it")
        if self.refresh_token and not self.access_token:
            raise ValueError("refresh_token needs access_token beside it")
        # A granted token may stand beside the client that it was granted to, which refreshes it.
        if sum([bool(self.access_token or self.client_id), bool(self.api_token)]) != 1:
            raise ValueError("give one of: client_id and client_secret, access_token, email and api_token")
        return self


class ZendeskConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comments_are_public: bool = Field(
        True, title="Comments are public", description="For comments of which a rule does not say whether they are."
    )


class TicketFields(Parameters):
    """What can be set on a ticket, new or not."""

    subject: str | None = Field(None, title="Subject")
    priority: Priority | None = Field(None, title="Priority")
    status: Status | None = Field(None, title="Status", description=_STATUS_HELP)
    type: TicketType | None = Field(None, title="Type")
    assignee: Agent = Field(
        None, title="Assignee", description="An agent's e-mail address, name or id.", validation_alias=_ASSIGNEE
    )
    group: Group = Field(None, title="Group", description="A group's name or id.", validation_alias=_GROUP)
    organization: Who | None = Field(
        None, title="Organization", description="An organization's name or id.", validation_alias=_ORGANIZATION
    )
    tags: list[Tag] | None = Field(None, title="Tags", description="All tags of the ticket; add_tags only adds.")
    custom_fields: CustomFields | None = Field(
        None, title="Custom fields", description='By their ids: {"27642": "745"}.'
    )
    due_at: datetime | None = Field(None, title="Due", description="For tickets of type task.")
    external_id: str | None = Field(None, title="External id", max_length=255)
    brand_id: Id | None = Field(None, title="Brand (id)")
    ticket_form_id: Id | None = Field(None, title="Form (id)")
    problem_id: Id | None = Field(None, title="Problem ticket (id)", description="For tickets of type incident.")


class CreateTicket(TicketFields):
    description: Annotated[str | None, Encode("html")] = Field(
        None,
        title="Description",
        description="The first comment: HTML; plain text is fine. Left out: the subject.",
        validation_alias=AliasChoices("description", "comment", "body"),
    )
    public: bool | None = Field(None, title="Public", description="Whether the requester sees the description.")
    requester_id: Id | None = Field(None, title="Requester (id)")
    requester_email: str | None = Field(
        None, title="Requester's e-mail", description="A user is made for an address that is not known yet."
    )
    requester_name: str | None = Field(None, title="Requester's name", description="For a new requester.")
    email_ccs: list[str] = Field(default_factory=list, title="CC", description="E-mail addresses.")
    followers: list[str] = Field(default_factory=list, title="Followers", description="Agents' e-mail addresses.")
    attachments: Attachments = Field(default_factory=list, title="Attachments", description=_FILES)
    via_followup_source_id: Id | None = Field(
        None, title="Follow-up of (ticket)", description="A closed ticket that this one goes on with."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.description and not self.subject:
            raise ValueError("a ticket needs a subject or a description")
        return self

    @model_validator(mode="after")
    def _one_requester(self) -> Self:
        if self.requester_id is not None and self.requester_email:
            raise ValueError("give requester_id or requester_email, not both")
        if self.requester_name and not self.requester_email:
            raise ValueError("requester_name needs requester_email beside it")
        return self


class TicketId(Parameters):
    ticket_id: Id = Field(title="Ticket", description="Its number.", validation_alias=_TICKET)


class UpdateTicket(TicketFields):
    ticket_id: Id = Field(title="Ticket", description="Its number.", validation_alias=_TICKET)
    requester_id: Id | None = Field(None, title="Requester (id)")

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self, "ticket_id")


class AddComment(TicketId):
    body: Html = Field(
        title="Comment",
        description="HTML; plain text is fine.",
        min_length=1,
        validation_alias=AliasChoices("body", "comment", "html_body"),
    )
    public: bool | None = Field(None, title="Public", description="Whether the requester sees it and is mailed.")
    author: Agent = Field(
        None,
        title="Author",
        description="In whose name: an agent's e-mail address, name or id.",
        validation_alias=AliasChoices("author", "author_id"),
    )
    attachments: Attachments = Field(default_factory=list, title="Attachments", description=_FILES)
    status: Status | None = Field(None, title="Status", description=f"Set together with it. {_STATUS_HELP}")


class AssignTicket(TicketId):
    assignee: Agent = Field(
        None, title="Assignee", description="An agent's e-mail address, name or id.", validation_alias=_ASSIGNEE
    )
    group: Group = Field(None, title="Group", description="A group's name or id.", validation_alias=_GROUP)

    @model_validator(mode="after")
    def _to_somebody(self) -> Self:
        if self.assignee is None and self.group is None:
            raise ValueError("give an assignee or a group")
        return self


class ChangeStatus(TicketId):
    status: Status = Field(title="Status", description=_STATUS_HELP)


class SetPriority(TicketId):
    priority: Priority = Field(title="Priority")


class AddTags(TicketId):
    tags: list[Tag] = Field(title="Tags", description="Added to those that the ticket has.", min_length=1)


class ApplyMacro(TicketId):
    macro: Annotated[Who, Choice("macros")] = Field(
        title="Macro", description="Its title or id.", validation_alias=AliasChoices("macro", "macro_id")
    )


class UserFields(Parameters):
    email: str | None = Field(None, title="E-mail")
    role: Annotated[Literal["end-user", "agent", "admin"], BeforeValidator(_lower)] | None = Field(None, title="Role")
    phone: str | None = Field(None, title="Phone")
    external_id: str | None = Field(None, title="External id")
    organization: Who | None = Field(
        None, title="Organization", description="An organization's name or id.", validation_alias=_ORGANIZATION
    )
    details: str | None = Field(None, title="Details")
    notes: str | None = Field(None, title="Notes")
    tags: list[Tag] | None = Field(None, title="Tags", description="Replaces all tags that the user has.")
    user_fields: dict[str, Any] | None = Field(None, title="Custom fields", description="By their keys.")


class CreateUser(UserFields):
    name: str = Field(title="Name", min_length=1)
    skip_verify_email: bool = Field(True, title="No verification mail")
    update_existing: bool = Field(
        False, title="Change an existing one", description="Else an e-mail address or external id in use is an error."
    )


class UpdateUser(UserFields):
    user_id: Id = Field(title="User (id)", validation_alias=AliasChoices("user_id", "id"))
    name: str | None = Field(None, title="Name")
    suspended: bool | None = Field(None, title="Suspended")

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self, "user_id")


class OrganizationFields(Parameters):
    details: str | None = Field(None, title="Details")
    notes: str | None = Field(None, title="Notes")
    domain_names: list[str] | None = Field(
        None, title="Domains", description="Users with such e-mail addresses belong to it. Replaces the whole list."
    )
    external_id: str | None = Field(None, title="External id")
    group: Group = Field(
        None, title="Group", description="Takes its new tickets: a group's name or id.", validation_alias=_GROUP
    )
    shared_tickets: bool | None = Field(None, title="Members see each other's tickets")
    shared_comments: bool | None = Field(None, title="Members comment on each other's tickets")
    tags: list[Tag] | None = Field(None, title="Tags", description="Replaces all tags that the organization has.")
    organization_fields: dict[str, Any] | None = Field(None, title="Custom fields", description="By their keys.")


class CreateOrganization(OrganizationFields):
    name: str = Field(title="Name", min_length=1)


class UpdateOrganization(OrganizationFields):
    organization_id: Id = Field(title="Organization (id)", validation_alias=AliasChoices("organization_id", "id"))
    name: str | None = Field(None, title="Name")

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self, "organization_id")


class Search(Parameters):
    query: str = Field(title="Query", description="As in Zendesk: status<solved priority:urgent.", min_length=1)
    type: Literal["ticket", "user", "organization", "group"] | None = Field(None, title="Kind")
    sort_by: Literal["updated_at", "created_at", "priority", "status", "ticket_type"] | None = Field(
        None, title="Sort by"
    )
    sort_order: Literal["asc", "desc"] | None = Field(None, title="Order")
    limit: int = Field(25, title="At most", ge=1, le=100)


class BulkUpdate(Parameters):
    ticket_ids: list[Id] = Field(
        title="Tickets",
        description="Their numbers, at most 100.",
        min_length=1,
        max_length=_MAX_BULK,
        validation_alias=AliasChoices("ticket_ids", "ids"),
    )
    priority: Priority | None = Field(None, title="Priority")
    status: Status | None = Field(None, title="Status", description=_STATUS_HELP)
    type: TicketType | None = Field(None, title="Type")
    assignee: Agent = Field(
        None, title="Assignee", description="An agent's e-mail address, name or id.", validation_alias=_ASSIGNEE
    )
    group: Group = Field(None, title="Group", description="A group's name or id.", validation_alias=_GROUP)
    add_tags: list[Tag] = Field(
        default_factory=list, title="Add tags", validation_alias=AliasChoices("add_tags", "additional_tags")
    )
    remove_tags: list[Tag] = Field(default_factory=list, title="Remove tags")
    custom_fields: CustomFields | None = Field(
        None, title="Custom fields", description='By their ids: {"27642": "745"}.'
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self, "ticket_ids")
