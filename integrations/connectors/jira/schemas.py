"""What Jira's actions take, and what signs them in. https://developer.atlassian.com/cloud/jira/platform/rest/v3."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.attachments import Attachments
from integrations.connectors.jira.documents import is_document
from integrations.parameters import Names, Parameters
from integrations.specs import Choice, Credential, CredentialFields

MAX_TEXT = 32_767
_ISSUE = re.compile(r"[A-Z][A-Z0-9_]+-[0-9]+|[0-9]+")
_BROWSE = re.compile(r"https?://[^/]+(?:/[^/]+)*/browse/([A-Za-z][A-Za-z0-9_]+-[0-9]+)(?:[/?#].*)?")


def _site(value: str) -> str:
    """Return the site's address: what stands before /rest/ in its API."""
    text = value if "://" in value else f"https://{value}"
    parts = urlsplit(text)
    host = parts.netloc.lower()
    if host and "." not in host and "://" not in value:
        # Just the name of a Cloud site.
        host = f"{host}.atlassian.net"
    # Pasted from a browser: https://acme.atlassian.net/jira/software/projects/...
    way = "" if host.endswith(".atlassian.net") else parts.path.rstrip("/")
    return f"{parts.scheme}://{host}{way.partition('/rest/')[0]}"


def _issue(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    found = _BROWSE.fullmatch(value.strip())
    text = (found[1] if found else value.strip()).upper()
    if not _ISSUE.fullmatch(text):
        raise ValueError("an issue is named by its key (OPS-7), its number or its address")
    return text


def _label(value: str) -> str:
    if not value or re.search(r"\s", value):
        raise ValueError(f"'{value}': labels hold no spaces")
    return value


def _content(value: Any) -> Any:
    if isinstance(value, dict) and not is_document(value):
        raise ValueError('give a text, or a document: {"type": "doc", "version": 1, "content": [...]}')
    return value


def _line(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError("a summary is one line")
    return value


Issue = Annotated[str, BeforeValidator(_issue)]
Labels = Annotated[list[Annotated[str, AfterValidator(_label), Field(max_length=255)]],
                   BeforeValidator(lambda v: v.replace(",", " ").split() if isinstance(v, str) else v)]  # fmt: skip
Content = Annotated[Annotated[str, Field(max_length=MAX_TEXT)] | dict[str, Any], BeforeValidator(_content)]
Summary = Annotated[str, AfterValidator(_line), Field(min_length=1, max_length=255)]


class JiraCredentials(CredentialFields):
    site_url: Annotated[str, Credential(is_secret=False, is_place=True), AfterValidator(_site)] = Field(
        title="Site",
        description="https://acme.atlassian.net; for tokens with scopes https://api.atlassian.com/ex/jira/<cloud id>.",
        min_length=1,
    )
    email: Annotated[str | None, Credential(is_secret=False)] = Field(
        None, title="E-mail", description="Of the account whose API token it is."
    )
    api_token: Annotated[
        str | None, Credential(where="https://id.atlassian.com/manage-profile/security/api-tokens")
    ] = Field(None, title="API token")
    bearer_token: Annotated[str | None, Credential(where="Data Center: Profile → Personal Access Tokens")] = Field(
        None, title="Bearer token", description="An access token instead: of Data Center, or by OAuth."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.bearer_token) == bool(self.email and self.api_token):
            raise ValueError("give either email and api_token, or bearer_token")
        return self


class JiraConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    edition: Literal["cloud", "datacenter"] = Field(
        "cloud", title="Edition", description="Data Center has another version of the API and plain texts."
    )
    default_project: Annotated[str, Choice("projects")] = Field(
        "", title="Default project", description="For issues that a rule opens without a project."
    )
    default_issue_type: Annotated[str, Choice("issue_types")] = Field(
        "Task", title="Default type", description="For issues that a rule opens without a type.", min_length=1
    )
    default_labels: Labels = Field(
        [], title="Default labels", description="For issues that a rule opens without labels."
    )
    webhook_jql: str = Field(
        "",
        title="Issues of webhooks (JQL)",
        description="Only these issues are told by registered webhooks and looked for when events were missed.",
        max_length=2000,
    )


class WithIssue(Parameters):
    issue: Issue = Field(
        title="Issue",
        description="Its key (OPS-7), number or address.",
        validation_alias=AliasChoices("issue", "issue_key", "key", "issue_id"),
    )


class IssueFields(Parameters):
    description: Content | None = Field(
        None,
        title="Description",
        description="Plain text; ``` fences code. Or a document in Atlassian's format.",
        validation_alias=AliasChoices("description", "body"),
    )
    priority: Annotated[str, Choice("priorities")] | None = Field(None, title="Priority", description="Name or id.")
    assignee: Annotated[str, Choice("users")] | None = Field(
        None, title="Assignee", description="E-mail address, name or account id; null takes it away."
    )
    due_date: date | None = Field(None, title="Due", validation_alias=AliasChoices("due_date", "duedate", "due"))
    components: Names | None = Field(None, title="Components", description="Their names.", max_length=50)
    parent: Issue | None = Field(None, title="Parent", description="The epic, or the issue of a subtask.")
    custom_fields: dict[str, Any] = Field(
        {},
        title="Other fields",
        description="By id (customfield_10010) or name; the values as Jira's API wants them.",
        validation_alias=AliasChoices("custom_fields", "fields"),
    )


class CreateJiraIssue(IssueFields):
    summary: Summary = Field(title="Summary", validation_alias=AliasChoices("summary", "title"))
    project: Annotated[str, Choice("projects")] | None = Field(
        None,
        title="Project",
        description="Key, name or id; the integration's default project otherwise.",
        min_length=1,
        validation_alias=AliasChoices("project", "project_key"),
    )
    issue_type: Annotated[str, Choice("issue_types")] | None = Field(
        None,
        title="Type",
        description="Name or id, such as Bug; the integration's default type otherwise.",
        min_length=1,
        validation_alias=AliasChoices("issue_type", "issuetype", "type"),
    )
    labels: Labels | None = Field(None, title="Labels", description="The integration's default labels otherwise.")
    attachments: Attachments = Field([], title="Attachments", description="Files of the organization.", max_length=20)


class UpdateIssue(WithIssue, IssueFields):
    """What is left out stays; null clears a field."""

    summary: Summary | None = Field(None, title="Summary", validation_alias=AliasChoices("summary", "title"))
    labels: Labels | None = Field(None, title="Labels", description="Replace those it has.")
    add_labels: Labels = Field([], title="Add labels")
    remove_labels: Labels = Field([], title="Remove labels")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"issue"}:
            raise ValueError("name at least one field to change")
        if self.labels is not None and (self.add_labels or self.remove_labels):
            raise ValueError("labels replace all: give either them, or those to add and remove")
        return self


class TransitionIssue(WithIssue):
    transition: Annotated[str, Choice("statuses"), BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)] = (
        Field(
            title="To",
            description="A status or transition by name, or a transition's id.",
            min_length=1,
            validation_alias=AliasChoices("transition", "status", "to"),
        )
    )
    resolution: str | None = Field(None, title="Resolution", description="Such as Done.", min_length=1)
    comment: Content | None = Field(None, title="Comment")


class AddJiraComment(WithIssue):
    body: Content = Field(
        title="Comment",
        description="Plain text; ``` fences code. Or a document in Atlassian's format.",
        validation_alias=AliasChoices("body", "comment", "text", "message"),
    )
    internal: bool = Field(False, title="Internal", description="Service management: customers do not see it.")
    visible_to_role: str | None = Field(None, title="Visible to role", description="Such as Administrators.")
    attachments: Attachments = Field([], title="Attachments", description="Files of the organization.", max_length=20)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if isinstance(self.body, str) and not self.body.strip():
            raise ValueError("the comment is empty")
        return self


class SearchIssues(Parameters):
    jql: str = Field(
        title="JQL", description="Bounded, such as project = OPS AND status = Open.", min_length=1, max_length=10_000,
        validation_alias=AliasChoices("jql", "query"),
    )  # fmt: skip
    fields: Names = Field(
        ["summary", "status", "issuetype", "priority", "assignee", "reporter", "labels", "created", "updated"],
        title="Fields",
        description="Which of their fields are wanted; *all for all.",
    )
    max_results: int = Field(
        50, title="At most", ge=1, le=100, validation_alias=AliasChoices("max_results", "maxResults", "limit")
    )
    next_page_token: str | None = Field(
        None, title="Next page", description="What an earlier search gave as next_page_token."
    )
