"""What a connector declares, and the values that pass between it and us."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from integrations.sandbox.job import Granted


class Effect(StrEnum):
    """What an action does at the platform, which decides whether a call that was cut off may be repeated."""

    READS = "reads"  # repeat freely
    SETS = "sets"  # repeating sets the same again
    CREATES = "creates"  # repeating may make a second one


READS, SETS, CREATES = Effect.READS, Effect.SETS, Effect.CREATES


@dataclass(frozen=True)
class SecretSpec:
    """One value that a connector needs to sign in. All of them are write-only.

    `type` is text, password, number, boolean, url or select (with `choices`). `is_place` marks what decides where
    secrets are sent (a domain, a base URL): changing it asks for the secrets again.
    """

    name: str
    description: str = ""
    required: bool = True
    label: str = ""
    type: Literal["text", "password", "number", "boolean", "url", "select"] = "password"
    default: Any = None
    choices: tuple[str, ...] = ()
    is_place: bool = False


@dataclass(frozen=True)
class Credential:
    """Metadata of a field of a `Credentials` model: ``domain: Annotated[str, Credential(is_place=True)]``.

    `is_secret=False` marks what may be shown (a domain, an address); everything is write-only in the API anyway.
    """

    is_secret: bool = True
    is_place: bool = False
    where: str = ""  # where a person finds the value


class CredentialFields(BaseModel):
    """What a `Credentials` model inherits from: printed it shows dots, and errors do not repeat what was typed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str, str]]:
        for name in type(self).model_fields:
            yield name, "None" if getattr(self, name, None) in (None, "") else "…"

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add ``format: password`` to secrets, so that forms hide what is typed."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        for name, info in cls.model_fields.items():
            is_shown = any(
                isinstance(mark, Credential) and (mark.is_place or not mark.is_secret) for mark in info.metadata
            )
            form = schema.get("properties", {}).get(name, {})
            is_text = "string" in (form.get("type"), *(option.get("type") for option in form.get("anyOf", [])))
            if is_text and not is_shown and "enum" not in form:
                form.setdefault("format", "password")
        return schema


@dataclass(frozen=True)
class Encode:
    """How a template's values are written into a text parameter: ``message: Annotated[str, Encode("mrkdwn")]``.

    The author's own text stays as it is; values of the event are escaped so that they are only ever text there. In a
    script they become environment variables, which the parameters get as `values`.
    """

    as_: Literal["plain", "html", "mrkdwn", "markdown", "url", "header", "cell", "script-shell", "script-python"]


Mrkdwn = Annotated[str, Encode("mrkdwn")]
Markdown = Annotated[str, Encode("markdown")]
Html = Annotated[str, Encode("html")]


@dataclass(frozen=True)
class Choice:
    """What a parameter may be chosen from: ``channel: Annotated[str, Choice("channels")]``.

    `kind` is one of the connector's `choice_kinds`. Forms offer what the platform has; ids and names may be typed all
    the same. It stands as ``x-choices`` in the JSON Schema.
    """

    kind: str

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core_schema), "x-choices": self.kind}


@dataclass(frozen=True)
class ActionSpec:
    """Something a connector can do.

    `model` holds the parameters; `handler` names the method that gets the validated instance.
    `idempotent_by`: "key" when the platform takes our idempotency key (``self.call.idempotency_key``), "marker"
    when `find_earlier` names a method that looks for what an earlier, cut-off call of this step made (it gets the
    same instance, returns the handler's answer or None), None when neither is to be had.
    `effect_of` tells the effect from the validated parameters, where it depends on them (an HTTP method).
    `goes_to` tells from them the URL to which they are sent, for actions without an account: secret variables go into
    those alone. `runs_script`: it runs a script of the organization's, in a queue of its own and where that is granted.
    """

    name: str
    description: str
    model: type[BaseModel]
    handler: str
    effect: Effect = CREATES
    idempotent_by: Literal["key", "marker"] | None = None
    find_earlier: str = ""
    label: str = ""
    effect_of: Callable[[Any], Effect] | None = None
    goes_to: Callable[[Any], str] | None = None
    runs_script: bool = False

    @property
    def queue(self) -> str:
        """The queue in which steps with this action wait."""
        return "scripts" if self.runs_script else "work"

    @property
    def may_repeat(self) -> bool:
        """Whether a call whose outcome is unknown may be repeated without a second effect, whatever its parameters."""
        return self.effect is not CREATES or self.idempotent_by is not None

    def may_repeat_with(self, data: Any) -> bool:
        """The same for a call with these validated parameters."""
        if self.effect_of is None:
            return self.may_repeat
        return self.effect_of(data) is not CREATES or self.idempotent_by is not None


@dataclass(frozen=True)
class EventSpec:
    """Something that happens at the platform.

    `subject` is the name of the event's main object in the payload (``ticket``): rules may then write `priority`
    for `ticket.priority`. `sample` is a payload as rules see it. `model` describes the payload where it is known.
    """

    name: str
    description: str = ""
    subject: str = ""
    sample: Mapping[str, Any] = field(default_factory=dict)
    model: type[BaseModel] | None = None
    label: str = ""


@dataclass
class Event:
    """One thing that happened, as `handle_webhook` reports it.

    * `type`: the name of one of the connector's `events` (others end as `ignored`, visibly)
    * `external_id`: the platform's id of what it is about
    * `payload`: what rules see; JSON values
    * `occurred_at`: when, where the platform says so; aware
    * `key`: what makes a repeat of this event recognisable, where the platform has such an id; else the
      delivery and the event's position are used
    * `changed`: {field: (before, after)} of the main object, where the platform says so; None: unknown
    * `actor_id`: who did it, in the platform's ids; our own actor's events are echoes
    * `updated_at`: the object's own time stamp, to recognise what was overtaken
    """

    type: str
    external_id: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    key: str | None = None
    changed: dict[str, tuple[Any, Any]] | None = None
    actor_id: str | None = None
    updated_at: datetime | None = None
    # Where it happened, for events that belong to no account.
    environment: str = ""
    # Where `changed` is ours: what the payload was compared with, see rules/earlier.py. Not for connectors.
    compared: Mapping[str, Any] | None = None
    # Our marker found in the payload (the id of the step that caused this), where the connector looks for one.
    marker: str | None = None


@dataclass(frozen=True)
class ChatQuestion:
    """A question for the people of a chat, answered by one of two buttons.

    `key` comes back with the answer, `place` is the channel, `facts` are names with values, `url` leads to more.
    """

    key: str
    place: str
    title: str
    text: str
    facts: Sequence[tuple[str, str]]
    url: str
    url_title: str


@dataclass(frozen=True)
class ChatAnswer:
    """What somebody in a chat answered. `email`: his own as far as the platform vouches for it, else "".

    `message` names the question's message and `person` the one who answered, as parameters of actions.
    """

    key: str
    is_approved: bool
    email: str
    message: Mapping[str, str]
    person: Mapping[str, str]


@dataclass(frozen=True)
class Action:
    """A request to do something: the name of an ActionSpec and its parameters, not validated yet."""

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Result:
    """The standard answer of handlers and connection tests."""

    success: bool
    message: str = ""
    data: Any = None

    def as_dict(self) -> dict[str, Any]:
        return {"success": self.success, "message": self.message, "data": self.data}


@dataclass(frozen=True)
class Account:
    """Who we are at a platform, as a connection test found out. Handed back as `Result.data["account"]`."""

    id: str = ""  # routes deliveries at the address without endpoint
    actor_id: str = ""  # recognises our own acts


@dataclass(frozen=True)
class Limit:
    """A rate that a platform allows: `calls` per `seconds`, with `burst` at once.

    `key` gives the bucket within the integration from the action's name and validated parameters (a channel, an
    endpoint); None from it means that this limit does not concern the call. Without `key`: one bucket.
    """

    name: str
    calls: float
    seconds: float
    burst: int = 1
    key: Callable[[str, Any], str | None] | None = None


@dataclass(frozen=True)
class WebhookRequest:
    """A request to one of our addresses, as it came. Header names are lower case; `url` is the public address.

    `account_id` is the account at the platform that a connection test proved, for `handle_webhook`; "" where none did.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    ip: str = ""
    account_id: str = ""


@dataclass(frozen=True)
class HandshakeAnswer:
    """What to answer to a platform's handshake request. `is_signed`: only after the signature was verified."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class WebhookTarget:
    """The address that a platform shall send to: for `register_webhook`.

    `secret` is ours, empty where the platform makes one; `events` are the names of the connector's events that are
    wanted.
    """

    url: str
    secret: str = ""
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registration:
    """What stands at the platform: its ids of our webhooks, and the signing secret where the platform made it."""

    ids: tuple[str, ...]
    secret: str | None = None


@dataclass(frozen=True)
class Token:
    """A token that a platform gave for credentials. `expires_at` is aware; None: it does not expire."""

    access_token: str
    expires_at: datetime | None = None
    # Replaces the one that was used; None: that one stays.
    refresh_token: str | None = None


@dataclass(frozen=True)
class OAuth:
    """How a person grants access at the platform: OAuth 2.0's authorization code.

    Hosts are names in `other_urls`, "" for the base URL. `grants` names the credential fields that the grant fills in,
    the one first without which nothing can be done. `parameters` go along to the authorization address.
    """

    authorize_path: str
    token_path: str
    authorize_host: str = ""
    token_host: str = ""
    scopes: tuple[str, ...] = ()
    separator: str = " "
    pkce: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[str, ...] = ("access_token", "refresh_token")
    # The token address takes JSON instead of a form; knows the client by HTTP Basic instead of by fields.
    takes_json: bool = False
    client_in_header: bool = False


class TokenKeeper(Protocol):
    """Keeps an integration's tokens sealed, for all workers; one of them at a time fetches a new one."""

    def get(self, obtain: Callable[[Token | None], Token]) -> Token:
        """Return a token that is valid for some time, from `obtain` (given the last one) where none is kept."""

    def forget(self, token: str) -> None:
        """The platform refused `token`: the next `get` fetches another."""


@dataclass(frozen=True)
class File:
    """A file as actions send it."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Call:
    """The call that a handler is part of."""

    organization_id: str = ""
    integration_id: str = ""
    action: str = ""
    # The same for every attempt at one step; a fresh one for executions by hand. At most 36 characters.
    idempotency_key: str = ""
    attempt: int = 1
    # The total time for this call, in seconds.
    deadline: float = 30.0
    trace_id: str = ""
    # Files of the organization's store that the parameters name, by the name or id given there.
    files: Mapping[str, File] = field(default_factory=dict)
    # Secrets that stand in the parameters: kept out of errors and logs, and never redirected.
    secrets: tuple[str, ...] = field(default=(), repr=False)
    # Secrets of earlier calls, which somebody may repeat: kept out of errors and logs as well.
    masked: tuple[str, ...] = field(default=(), repr=False)
    # The answer holds secrets that nobody knows yet: it is not logged.
    hides_answers: bool = False
    # What the operator grants the organization's scripts; None: this call runs none.
    scripts: Granted | None = None
    # None: tokens are fetched for this call alone (credentials that are not stored).
    tokens: TokenKeeper | None = None
