"""What GitHub's actions take, and what signs them in. Fields: https://docs.github.com/en/rest, read 2026-11."""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.parameters import Names, Parameters
from integrations.specs import Choice, Credential, CredentialFields

API = "https://api.github.com"
# Our own mark, a comment that nobody sees, is added within GitHub's 65,536.
MAX_TEXT = 65_400
_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98})"
_NAME = r"[A-Za-z0-9._-]{1,100}"
_REPOSITORY = re.compile(rf"(?:{_OWNER}/)?{_NAME}")
_OWNER_ALONE = re.compile(_OWNER)
_ISSUE_URL = re.compile(rf"https?://[^/]+/({_OWNER}/{_NAME})/(?:issues|pull)/([0-9]+)(?:[/?#].*)?")


def _api_address(value: str) -> str:
    """Return the address of the API for what people know of their GitHub."""
    parts = urlsplit(value if "://" in value else f"https://{value}")
    host, way = (parts.netloc or "").lower(), parts.path.rstrip("/")
    if host in ("github.com", "www.github.com"):
        return API
    if not way and not host.startswith("api."):
        # GitHub Enterprise Server: https://docs.github.com/en/enterprise-server/rest
        way = "/api/v3"
    return f"{parts.scheme}://{host}{way}"


def _repository(value: str) -> str:
    text = value.strip()
    if "://" in text:
        text = urlsplit(text).path.strip("/")
    text = text.removesuffix(".git")
    if not _REPOSITORY.fullmatch(text) or text.rpartition("/")[2] in (".", ".."):
        raise ValueError("a repository is named owner/name, or by its name alone")
    return text


def _owner(value: str) -> str:
    text = value.strip().lstrip("@")
    if text and not _OWNER_ALONE.fullmatch(text):
        raise ValueError("an owner is the name of a person or an organization")
    return text


Repository = Annotated[str, AfterValidator(_repository)]
Owner = Annotated[str, AfterValidator(_owner)]
Labels = Annotated[Names, Field(max_length=100)]


class GithubCredentials(CredentialFields):
    token: Annotated[
        str, Credential(where="https://github.com/settings/tokens, or the settings of an organization's own app")
    ] = Field(
        title="Token",
        description="A fine-grained or classic personal access token, or an OAuth or installation token.",
        pattern=r"^[\x21-\x7e]+$",
    )
    base_url: Annotated[
        str, Credential(is_secret=False, is_place=True), AfterValidator(_api_address), Field(min_length=1)
    ] = Field(
        API,
        title="API address",
        description="Only for GitHub Enterprise, such as https://github.example.com.",
    )


class GithubConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_owner: Owner = Field(
        "",
        title="Default owner",
        description="The person or organization whose repositories are meant where only a name is given.",
    )
    default_repo: Annotated[Repository, Choice("repositories")] | Literal[""] = Field(
        "", title="Default repository", description="For actions that name none."
    )
    default_labels: Labels = Field(
        [], title="Default labels", description="For issues that a rule opens without labels."
    )
    repositories: list[Repository] = Field(
        [],
        title="Watched repositories",
        description="Where webhooks are registered and missed events are looked for; else the default one.",
        max_length=50,
    )
    api_version: Literal["2022-11-28", "2026-03-10"] = Field(
        "2022-11-28", title="API version", description="Which version of GitHub's API is asked for."
    )


class WithRepository(Parameters):
    repo: Annotated[Repository, Choice("repositories")] | None = Field(
        None,
        title="Repository",
        description="owner/name, or a name of the default owner; the integration's default repository otherwise.",
        validation_alias=AliasChoices("repo", "repository"),
    )
    owner: Owner | None = Field(None, title="Owner", description="Where the repository's name says none.")

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if self.owner and not self.repo:
            raise ValueError("an owner is given together with a repository")
        if self.owner and "/" in (self.repo or ""):
            raise ValueError("the repository names its owner already")
        return self


def _with_place(values: Any) -> Any:
    """Take an issue's address for its repository and number."""
    if not isinstance(values, dict):
        return values
    name = next((name for name in ("issue_number", "number", "issue", "pull_number") if name in values), "")
    found = _ISSUE_URL.fullmatch(values[name].strip()) if isinstance(values.get(name), str) else None
    if found is None:
        return values
    rest = {key: value for key, value in values.items() if key != name}
    return {"repo": found[1], **rest, "issue_number": found[2]}


class WithIssue(WithRepository):
    issue_number: Annotated[int, BeforeValidator(lambda v: v.lstrip("#") if isinstance(v, str) else v)] = Field(
        title="Number",
        description="The number of an issue or pull request, or its address.",
        ge=1,
        validation_alias=AliasChoices("issue_number", "number", "issue", "pull_number"),
    )

    @model_validator(mode="before")
    @classmethod
    def _by_address(cls, values: Any) -> Any:
        return _with_place(values)


class CreateRepo(Parameters):
    repo_name: Annotated[str, Field(pattern=rf"^{_NAME}$")] = Field(
        title="Name", validation_alias=AliasChoices("repo_name", "name")
    )
    organization: Owner | None = Field(
        None,
        title="Organization",
        description="The default owner otherwise, or the person whose token it is.",
        validation_alias=AliasChoices("organization", "org", "owner"),
    )
    private: bool = Field(True, title="Private", description="Only shown to those who are let in.")
    description: str = Field("", title="Description", max_length=350)
    homepage: str = Field("", title="Homepage", max_length=255)
    auto_init: bool = Field(False, title="With a first commit")
    gitignore_template: str = Field("", title="Template of .gitignore", description="Such as Python.")
    license_template: str = Field("", title="Licence", description="Such as mit.")
    has_issues: bool | None = Field(None, title="With issues")
    is_template: bool | None = Field(None, title="Is a template")
    delete_branch_on_merge: bool | None = Field(None, title="Delete merged branches")


class CreateIssue(WithRepository):
    title: str = Field(title="Title", min_length=1, max_length=256)
    body: str = Field(
        "", title="Text", description="Markdown.", max_length=MAX_TEXT,
        validation_alias=AliasChoices("body", "description"),
    )  # fmt: skip
    labels: Annotated[Labels, Choice("labels")] | None = Field(
        None, title="Labels", description="Their names; the integration's default labels otherwise."
    )
    assignees: Annotated[Names, Choice("users")] = Field(
        [], title="Assignees", description="Up to ten user names.", max_length=10
    )
    milestone: int | str | None = Field(None, title="Milestone", description="Its title or number.")
    type: str | None = Field(None, title="Type", description="One of the organization's issue types.", min_length=1)


class CloseIssue(WithIssue):
    state_reason: Literal["completed", "not_planned", "duplicate"] = Field(
        "completed", title="Reason", validation_alias=AliasChoices("state_reason", "reason")
    )


class CreatePullRequest(WithRepository):
    title: str = Field(title="Title", min_length=1, max_length=256)
    head: str = Field(
        title="From branch", description="A branch, or person:branch of a fork.", min_length=1, max_length=255
    )
    base: str = Field("", title="Into branch", description="The repository's default branch otherwise.", max_length=255)
    body: str = Field(
        "", title="Text", description="Markdown.", max_length=MAX_TEXT,
        validation_alias=AliasChoices("body", "description"),
    )  # fmt: skip
    draft: bool = Field(False, title="Draft")
    maintainer_can_modify: bool = Field(True, title="Maintainers may change it")


class AddIssueComment(WithIssue):
    body: str = Field(
        title="Comment",
        description="Markdown.",
        min_length=1,
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("body", "comment", "text", "message"),
    )
