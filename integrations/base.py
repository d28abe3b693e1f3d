"""The contract of connectors: inherit from `BaseIntegration`, declare, handle."""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, ValidationError

from integrations.attachments import FileSource, open_source
from integrations.errors import CODE_OF_OTHERS_RAISES, IntegrationError, InvalidInput, Permanent, told
from integrations.outputs import as_json
from integrations.rate_headers import rate_limit
from integrations.signatures import Signature, StandardWebhooks
from integrations.specs import (
    READS,
    Account,
    Action,
    ActionSpec,
    Call,
    ChatAnswer,
    ChatQuestion,
    Event,
    EventSpec,
    File,
    HandshakeAnswer,
    Limit,
    OAuth,
    Registration,
    Result,
    SecretSpec,
    Token,
    WebhookRequest,
    WebhookTarget,
)
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response


class NoConfig(BaseModel):
    """The configuration of connectors that have none."""

    model_config = ConfigDict(extra="forbid")


class NoParameters(BaseModel):
    """The parameters of actions that take none."""

    model_config = ConfigDict(extra="forbid")


_TEST_CONNECTION = ActionSpec(
    "test_connection",
    gettext_noop("Ask the platform who we are there; changes nothing."),
    model=NoParameters,
    handler="run_connection_test",
    effect=READS,
    label=gettext_noop("Test connection"),
)


class BaseIntegration:
    """A connector. One instance serves one integration for one call.

    Without an `__init__` of its own a connector finds its credentials as ``self.credentials`` (an instance of
    `Credentials`, or of a model made from `secrets`); with one it gets them by name. Before a handler runs,
    ``self.config``, ``self.call`` and ``self.http`` are set; before `handle_webhook`, ``self.request``.
    """

    # Django's templates would make an instance of a class that they are given.
    do_not_call_in_templates: ClassVar[bool] = True

    key: ClassVar[str]
    name: ClassVar[str]
    version: ClassVar[str] = "1.0.0"
    description: ClassVar[str] = ""
    # Actions need no account and no integration (http_request, webhook).
    is_generic: ClassVar[bool] = False
    # Made by an organization (integrations/own_types.py): what operators set for platforms by key is not for it.
    is_own: ClassVar[bool] = False
    # Everything that it sends goes through `self.http`. Where that is not so, the sandbox cannot stand in for it.
    speaks_http: ClassVar[bool] = True
    # Any event type is one of this platform's: what the sender calls it (the generic inbound webhook).
    open_events: ClassVar[bool] = False
    # Bodies may also come in the form encoding of browsers; they are read into a dict of texts.
    accepts_forms: ClassVar[bool] = False

    secrets: ClassVar[list[SecretSpec]] = []
    Credentials: ClassVar[type[BaseModel] | None] = None
    Config: ClassVar[type[BaseModel]] = NoConfig

    # How a person grants access at the platform; None: credentials are typed in.
    oauth: ClassVar[OAuth | None] = None

    # The platform's API, with credentials' fields in braces; SUPPORTOPS_PLATFORM_URLS replaces the whole of it.
    base_url: ClassVar[str] = ""
    # Further hosts of the platform by name; replaced by `<value>/_<name>`.
    other_urls: ClassVar[Mapping[str, str]] = {}
    limits: ClassVar[list[Limit]] = []

    actions: ClassVar[list[ActionSpec]] = []
    events: ClassVar[list[EventSpec]] = []
    # What `choices` knows: channels, boards, agents.
    choice_kinds: ClassVar[tuple[str, ...]] = ()
    # Events that no webhook tells: `list_changes` is asked for them regularly.
    polled_events: ClassVar[frozenset[str]] = frozenset()

    # How requests to us are signed. `schemes` names alternatives, of which an endpoint demands one; the first is
    # the default. None: this platform sends no webhooks.
    signature: ClassVar[Signature | None] = StandardWebhooks()
    schemes: ClassVar[Mapping[str, Signature]] = {}
    # True: the platform makes the signing secret, and a person gives it to us.
    platform_makes_secret: ClassVar[bool] = False
    # True: it comes in a request of the platform's own (`handshake_secret`), taken once and confirmed by a person.
    secret_comes_by_handshake: ClassVar[bool] = False
    # The credential that is this secret, where the platform uses one for both: given once, it serves twice.
    webhook_secret_field: ClassVar[str] = ""
    # Schemes under which a webhook is only a hint: `enrich` fetches the object before rules see the event.
    hint_schemes: ClassVar[frozenset[str]] = frozenset()

    # Set for each call.
    config: Any
    call: Call = Call()
    http: "PlatformClient"
    request: WebhookRequest | None = None

    def __init__(self, **secrets: Any) -> None:
        from integrations.credentials import credentials_model

        self.credentials: Any = credentials_model(type(self))(**secrets) if secrets else None

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Any:
        """Make a harmless call and return a Result that says who we are there.

        ``data`` may hold ``account`` (`specs.Account`). May be async. Raises IntegrationError.
        """
        raise Permanent(f"{self.name} has no connection test.")

    def run_connection_test(self, _: "NoParameters") -> Result:
        """Handle the action `test_connection`, which every connector has."""
        result = self.call_handler("test_connection")
        if isinstance(result.data, dict) and isinstance(result.data.get("account"), Account):
            result.data = {**result.data, "account": asdict(result.data["account"])}
        return result

    def authorize(self, http: "PlatformClient") -> None:
        """Add what signs our calls in (headers, basic sign-in) to `http`. Called once when connected; makes no call.

        Where a token must be fetched first: ``http.bearer = self.access_token``, and `obtain_token` fetches it.
        """

    def obtain_token(self, last: Token | None) -> Token:
        """Fetch an access token with the credentials, or with the last one's refresh token. Raises IntegrationError.

        Ask by ``self.http.post(..., signs_in=True)``: the credentials stand in the request itself.
        """
        raise Permanent(f"{self.name} signs in without a token.")

    def access_token(self) -> str:
        """Return a valid access token: a kept one, or one that `obtain_token` fetches now."""
        if self.call.tokens is None:
            return self.obtain_token(None).access_token
        return self.call.tokens.get(self.obtain_token).access_token

    @classmethod
    def granted_credentials(cls, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return the credential fields that an answer of the token address fills in, after a person granted access."""
        names = cls.oauth.grants if cls.oauth is not None else ()
        return {name: answer[name] for name in names if answer.get(name)}

    def open_file(self, source: FileSource) -> File:
        """Return a file that parameters name. Raises InvalidInput, and what fetching an address raises."""
        return open_source(source, self.call, self.http)

    def choices(self, kind: str) -> list[dict[str, Any]]:
        """Return what forms offer for a parameter, as ``[{"id", "name"}]``: channels, boards, agents.

        Knows the `choice_kinds`. Raises InvalidInput for others, naming those, and IntegrationError.
        """
        known = ", ".join(self.choice_kinds) or "none"
        raise InvalidInput(f"{self.name} has no choices of '{kind}'. There are: {known}.")

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """Have the platform send to `target`, and return what stands there now. Raises IntegrationError.

        Idempotent: looks for what is registered for this address (`known`, or found by the address) and changes that
        instead of making a second one.
        """
        raise Permanent(f"{self.name} has no way to register webhooks by itself: see the set-up steps.")

    def unregister_webhook(self, known: Registration) -> None:
        """Remove what `register_webhook` made; fine where it is gone already. Raises IntegrationError."""
        raise Permanent(f"{self.name} has no way to register webhooks by itself.")

    def list_changes(self, since: datetime, until: datetime) -> Iterable[Event]:
        """Return events for what changed at the platform in between, oldest first. Raises IntegrationError.

        For polled events, and for finding what was missed while no webhook reached us: an event whose delivery came
        is recognised by its `key`, or by its object and `updated_at`. Where `self.call.action` is "poll_events", only
        the `polled_events` are asked for.
        """
        raise Permanent(f"{self.name} has no way to list what changed.")

    @classmethod
    def can(cls, method: str) -> bool:
        """Return whether the connector has one of the optional methods (`register_webhook`, `list_changes`, ...)."""
        return getattr(cls, method) is not getattr(BaseIntegration, method)

    def execute(self, action: Action) -> Result:
        """Validate `action`, call its handler and return the standard answer.

        Raises InvalidInput for an unknown action or bad parameters, and whatever IntegrationError the handler raises.
        """
        spec = self.action_spec(action.name)
        try:
            data = spec.model.model_validate(dict(action.payload))
        except ValidationError as error:
            raise InvalidInput(
                _first_message(error), data=error.errors(include_input=False, include_url=False)
            ) from None
        return self.call_handler(spec.handler, data)

    def call_handler(self, handler: str, *arguments: Any) -> Result:
        """Call a handler, plain or async, and return its answer in the standard form.

        Any exception of the handler that is not an IntegrationError is a Permanent failure with its message; a call
        of sys.exit() included.
        """
        return cast(Result, _answer_of(self, handler, arguments, as_result))

    def call_method(self, method: str, *arguments: Any) -> Any:
        """The same for the optional methods (`register_webhook`, `list_changes`), whose answers stay as they are.

        What a generator yields is gathered here, so that what breaks in it breaks here as well.
        """
        return _answer_of(self, method, arguments, _gathered)

    def classify(self, response: "Response") -> IntegrationError | None:
        """Return the error that an answer means at this platform, None to leave it to the common mapping.

        Called for every answer, successful ones too: some platforms say 200 and mean no.
        """
        return None

    def rate_limit_of(self, response: "Response") -> dict[str, Any] | None:
        """Return ``{"limit", "remaining", "reset_at"}`` as an answer's headers tell it, None when they do not.

        Knows the usual headers; a platform with others overrides it.
        """
        return rate_limit(response.headers, clock.now())

    @classmethod
    def action_spec(cls, name: str) -> ActionSpec:
        """Return the spec of an action. Raises InvalidInput, naming those that exist."""
        actions = cls.all_actions()
        for spec in actions:
            if spec.name == name:
                return spec
        known = ", ".join(sorted(spec.name for spec in actions)) or "none"
        raise InvalidInput(f"{cls.name} has no action '{name}'. Its actions: {known}.")

    @classmethod
    def all_actions(cls) -> list[ActionSpec]:
        """Return the declared actions and the connection test, which is an action of every platform."""
        if cls.is_generic or any(spec.name == "test_connection" for spec in cls.actions):
            return list(cls.actions)
        return [*cls.actions, _TEST_CONNECTION]

    @classmethod
    def event_spec(cls, name: str) -> EventSpec | None:
        """Return the spec of an event type, None when the connector has no such event."""
        spec = next((spec for spec in cls.events if spec.name == name), None)
        return EventSpec(name) if spec is None and cls.open_events else spec

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> Any:
        """Return the Event or list of Events in a delivery (none: an empty list). Pure; may be async."""
        raise Permanent(f"{self.name} sends no webhooks.")

    def enrich(self, event: Event) -> Event:
        """Return `event` with what the platform itself says of its object. Network allowed; raises IntegrationError."""
        return event

    @classmethod
    def needs_enriching(cls, event: Event) -> bool:
        """Return whether `enrich` is asked about an event though its webhook is more than a hint."""
        return False

    # --- chats whose people answer questions by buttons; all of it pure ----------------------------------------
    @classmethod
    def question_message(cls, question: ChatQuestion) -> Action | None:
        """Return the action that asks a question, None where this platform has no buttons. Its answer's ``data`` names
        the message."""
        return None

    @classmethod
    def closing_message(cls, question: ChatQuestion, told: str, message: Mapping[str, Any]) -> Action | None:
        """Return the action that puts `told` in place of the buttons; None where `message` cannot be changed."""
        return None

    @classmethod
    def private_word(cls, person: Mapping[str, str], text: str) -> Action | None:
        """Return the action that tells the one person who answered something that nobody else sees."""
        return None

    @classmethod
    def chat_answer(cls, event: Event) -> ChatAnswer | None:
        """Return the answer to a question that an event is, None for other events."""
        return None

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        """Return the sender's id of a delivery, None where it has none. Header names are lower case."""
        return headers.get("webhook-id")

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        """Return the account that a request names, for the address without endpoint. None: it names none."""
        return None

    @classmethod
    def handshake(cls, request: WebhookRequest, payload: Any) -> HandshakeAnswer | None:
        """Return the answer to a handshake request, None when it is none. Asked after the signature was verified."""
        return None

    @classmethod
    def accepted_answer(cls, request: WebhookRequest, payload: Any) -> HandshakeAnswer | None:
        """Return what this platform wants to hear of a delivery that was taken, None for the common answer.

        For platforms that show our answer to a person. The delivery is committed before it is given; a repeat of one
        gets the same answer.
        """
        return None

    @classmethod
    def handshake_secret(cls, request: WebhookRequest, payload: Any) -> str | None:
        """Return the signing secret that a handshake carries, None when it is none.

        Asked while the address awaits it, of requests that nobody signed (`secret_comes_by_handshake`).
        """
        return None

    @classmethod
    def unsigned_handshake(cls, request: WebhookRequest) -> HandshakeAnswer | None:
        """The same for requests that a platform does not sign (Trello's HEAD). Must reveal and record nothing."""
        return None

    @classmethod
    def scheme_names(cls) -> list[str]:
        """Return the names of the ways in which this platform can send; empty: it sends nothing."""
        if cls.schemes:
            return list(cls.schemes)
        return [cls.signature.scheme] if cls.signature is not None else []

    @classmethod
    def scheme(cls, name: str) -> Signature | None:
        """Return the signature scheme of that name."""
        if cls.schemes:
            return cls.schemes.get(name)
        return cls.signature if cls.signature is not None and cls.signature.scheme == name else None


def _answer_of(instance: BaseIntegration, method: str, arguments: tuple[Any, ...], formed: Callable[[Any], Any]) -> Any:
    try:
        answer = getattr(instance, method)(*arguments)
        if inspect.isawaitable(answer):
            answer = asyncio.run(_await(answer))
        return formed(answer)
    except IntegrationError:
        raise
    except CODE_OF_OTHERS_RAISES as error:
        raise Permanent(told(error)) from error


def _gathered(answer: Any) -> Any:
    return list(answer) if inspect.isgenerator(answer) else answer


def as_result(answer: Any) -> Result:
    """Return whatever a handler returned as a Result: a dict without `success` is the data of a success.

    Its data is JSON, but for the account that a connection test tells of.
    """
    result = _as_result(answer)
    account = result.data.get("account") if isinstance(result.data, dict) else None
    result.data = as_json(result.data)
    if isinstance(account, Account):
        result.data["account"] = account
    return result


def _as_result(answer: Any) -> Result:
    if isinstance(answer, Result):
        return Result(bool(answer.success), str(answer.message), answer.data)
    if isinstance(answer, dict) and isinstance(answer.get("success"), bool):
        return _result_of_dict(answer)
    return Result(True, data=answer)


def _result_of_dict(answer: dict[str, Any]) -> Result:
    message = answer.get("message") or ("" if answer["success"] else answer.get("error")) or ""
    rest = {name: value for name, value in answer.items() if name not in ("success", "message", "data")}
    return Result(answer["success"], str(message), answer.get("data", rest or None))


async def _await(awaitable: Any) -> Any:
    return await awaitable


def _first_message(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
