"""An organization's accounts on platforms, the addresses given to those platforms, their use by hour, and its files."""

from django.core.validators import RegexValidator
from django.db import models

from supportops import clock
from supportops.fields import JsonBytesField
from supportops.ids import new_key
from supportops.tenancy.models import Environment
from supportops.tenancy.owned import LinkWithin, OrganizationOwned
from supportops.vault.fields import SealedField


class HealthStatus(models.TextChoices):
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Circuit(models.TextChoices):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class IntegrationType(OrganizationOwned):
    """A kind of platform that an organization describes itself: a plain module's credentials, or HTTP actions.

    `document` is a type_documents.TypeDocument; key, name and module stand beside it to be found by.
    """

    # Never changes: integrations and rules name it.
    key = models.CharField(max_length=63, editable=False)
    name = models.CharField(max_length=200)
    module = models.CharField(max_length=63, blank=True)
    document = models.JSONField(default=dict)
    # Raised by every change; connectors made from the row are kept by it.
    revision = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="one_integration_type_per_key")]

    def __str__(self) -> str:
        return self.name


class Integration(OrganizationOwned):
    """An organization's account on a platform, with sealed credentials.

    Credentials are opened by `integrations.credentials` alone.
    """

    platform = models.CharField(max_length=63)
    name = models.CharField(max_length=200)
    environment = LinkWithin(Environment, on_delete=models.PROTECT, null=True, blank=True)
    config = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)
    # What changed at the platform without a webhook of it reaching us is looked for.
    is_reconciled = models.BooleanField(default=False, db_default=False)
    credentials = SealedField(label="integration.credentials")
    # Names of the credential fields that are set; values stand nowhere in the open.
    credentials_set = models.JSONField(default=list, editable=False)
    # The account at the platform, proven by a connection test: routes deliveries at the address without endpoint.
    account_id = models.CharField(max_length=200, blank=True, editable=False)
    # Who we are there, by which our own acts are recognised when they come back as events.
    actor_id = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="one_integration_per_name")]
        indexes = [models.Index(fields=["platform", "account_id"], name="integration_by_account")]

    def __str__(self) -> str:
        return self.name


class IntegrationHealth(OrganizationOwned):
    """How an integration does. A row of its own: written by workers, never together with configuration."""

    integration = models.OneToOneField(
        Integration, on_delete=models.CASCADE, related_name="health", db_constraint=False
    )
    checked_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    circuit = models.CharField(max_length=10, choices=Circuit.choices, default=Circuit.CLOSED)
    # An open circuit lets one call probe after this time.
    circuit_until = models.DateTimeField(null=True)
    # The platform refused the credentials; steps wait until new ones are given.
    credentials_rejected_at = models.DateTimeField(null=True)
    last_failure_was_transient = models.BooleanField(default=True)
    message = models.CharField(max_length=500, blank=True)
    rate_limit = models.JSONField(null=True)  # {"limit", "remaining", "reset_at"} as its headers last said
    # When it is looked after again by itself, and how many of these looks have failed in a row.
    next_check_at = models.DateTimeField(default=clock.now, db_index=True)
    failed_checks = models.PositiveSmallIntegerField(default=0)
    # Up to when the platform was asked what changed there, and when it is asked again; null: it is not.
    changes_until = models.DateTimeField(null=True)
    next_changes_at = models.DateTimeField(null=True, default=clock.now, db_index=True)
    # Since when people have been told that it does not work; they are told once more when it does again.
    broken_since = models.DateTimeField(null=True)


class EndpointState(models.TextChoices):
    AWAITING_SECRET = "awaiting_secret"  # noqa: S105 - a state, not a secret
    AWAITING_HANDSHAKE = "awaiting_handshake"
    READY = "ready"


class Endpoint(OrganizationOwned):
    """An address given to a platform for one integration, with its signing secrets."""

    integration = LinkWithin(Integration, on_delete=models.CASCADE, related_name="endpoints")
    # Random and unguessable; part of the address.
    key = models.CharField(max_length=43, unique=True, default=new_key, editable=False)
    # Which of the connector's schemes this endpoint demands; stored, never chosen by the sender.
    scheme = models.CharField(max_length=63)
    # What a generic scheme needs to know: header, encoding, prefix, timestamp header.
    options = models.JSONField(default=dict, blank=True)
    # [{"secret": text, "until": RFC 3339 or null}], the current one first.
    secrets = SealedField(label="endpoint.secrets")
    state = models.CharField(max_length=20, choices=EndpointState.choices)
    # What the platform calls the webhooks that we registered there for this address.
    registered_ids = models.JSONField(default=list, editable=False)
    registered_at = models.DateTimeField(null=True, editable=False)
    # Addresses or networks that may send; empty: all.
    allowed_ips = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return self.key[:6] + "…"


class IntegrationToken(OrganizationOwned):
    """An access token that a platform gave for an integration's credentials, and who is fetching the next one."""

    integration = LinkWithin(Integration, on_delete=models.CASCADE, related_name="tokens")
    # {"access_token", "refresh_token"}
    value = SealedField(label="integration.token")
    # Of the credentials that it was fetched with: with others it is nobody's.
    digest = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)
    obtained_at = models.DateTimeField(default=clock.now)
    lease_until = models.DateTimeField(null=True)
    lease_holder = models.UUIDField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration"], name="one_token_per_integration")]


class OAuthRequest(OrganizationOwned):
    """A person who was sent to a platform to grant access, and has not come back yet."""

    integration = LinkWithin(Integration, on_delete=models.CASCADE, related_name="oauth_requests")
    # SHA-256 of the state that the platform hands back.
    state = models.CharField(max_length=64, unique=True)
    # Of PKCE; empty where the platform has none.
    verifier = SealedField(label="oauth.verifier")
    # Of the browser session that asked; empty for an API token, which has none.
    session = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()


class ChoiceList(OrganizationOwned):
    """What a platform offered for a parameter (channels, agents) when it was last asked."""

    integration = LinkWithin(Integration, on_delete=models.CASCADE, related_name="choice_lists")
    kind = models.CharField(max_length=40)
    # [{"id", "name"}]
    items = JsonBytesField(default=list)
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "kind"], name="one_choice_list_per_kind")]


class UsageHour(OrganizationOwned):
    """What one integration or rule did in one hour, in one of several shards so that writers do not queue."""

    # By id alone: usage outlives what it counts.
    subject_type = models.CharField(max_length=12)  # integration, rule
    subject_id = models.UUIDField()
    hour = models.DateTimeField()
    shard = models.PositiveSmallIntegerField(default=0)
    received = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    matched = models.BigIntegerField(default=0)
    runs = models.BigIntegerField(default=0)
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    retried = models.BigIntegerField(default=0)
    # Calls by latency, each up to so many milliseconds (integrations/usage.py); one column each so that the
    # database can add to them without reading first.
    le_10 = models.BigIntegerField(default=0)
    le_25 = models.BigIntegerField(default=0)
    le_50 = models.BigIntegerField(default=0)
    le_100 = models.BigIntegerField(default=0)
    le_250 = models.BigIntegerField(default=0)
    le_500 = models.BigIntegerField(default=0)
    le_1000 = models.BigIntegerField(default=0)
    le_2500 = models.BigIntegerField(default=0)
    le_5000 = models.BigIntegerField(default=0)
    le_10000 = models.BigIntegerField(default=0)
    le_30000 = models.BigIntegerField(default=0)
    le_more = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "subject_type", "subject_id", "hour", "shard"], name="one_usage_row"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "hour"], name="usage_by_hour"),
            # The present hour of everybody, for the operator's figures.
            models.Index(fields=["hour"], name="usage_of_hour"),
        ]


_SCRIPT_NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", "Use letters, digits, dots, hyphens and underscores, such as analyze.py."
)


class ScriptLanguage(models.TextChoices):
    SHELL = "shell"
    PYTHON = "python"


class StoredFile(OrganizationOwned):
    """A file that actions send: uploaded by a person, named in parameters."""

    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=120)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="one_file_per_name")]

    def __str__(self) -> str:
        return self.name


class StoredFileContent(models.Model):
    """The bytes of a file, apart from what lists read."""

    file = models.OneToOneField(StoredFile, on_delete=models.CASCADE, primary_key=True, related_name="content")
    raw = models.BinaryField()


class Script(OrganizationOwned):
    """A script of the organization's own, which steps run by its name (``./scripts/analyze.py``)."""

    name = models.CharField(max_length=100, validators=[_SCRIPT_NAME])
    language = models.CharField(max_length=10, choices=ScriptLanguage.choices)
    text = models.TextField()
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="one_script_per_name")]

    def __str__(self) -> str:
        return self.name


class ScriptGrant(OrganizationOwned):
    """What the operator lets the organization's scripts see. Without one they do not run at all."""

    has_network = models.BooleanField(default=False)
    # Hosts for which secret variables may be given to scripts that have the network.
    hosts = models.JSONField(default=list, blank=True)
    # Absolute paths on the worker's machine.
    read_only_dirs = models.JSONField(default=list, blank=True)
    secret_files = models.JSONField(default=list, blank=True)
    # Names from the operator's list; empty: all of them.
    interpreters = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization"], name="one_script_grant_per_organization")]

    def __str__(self) -> str:
        return "Scripts with the network" if self.has_network else "Scripts without the network"


class Channel(models.TextChoices):
    EMAIL = "email"
    WEBHOOK = "webhook"


class NotificationTarget(OrganizationOwned):
    """Who is told of what: addresses of mail, or an address that gets signed requests."""

    name = models.CharField(max_length=200)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    # Names of `integrations.notices.EVENTS`.
    events = models.JSONField(default=list)
    # E-mail addresses.
    to = models.JSONField(default=list, blank=True)
    # {"url", "secret"}: the address itself may be all that keeps strangers out.
    webhook = SealedField(label="notification.webhook")
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="one_notification_per_name")]

    def __str__(self) -> str:
        return self.name


class SandboxState(OrganizationOwned):
    """What one played platform of an organization's sandbox knows."""

    platform = models.CharField(max_length=63)
    # Null before anything happened there.
    state = JsonBytesField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "platform"], name="one_state_per_platform")]

    def __str__(self) -> str:
        return self.platform


class SandboxArrival(OrganizationOwned):
    """A request that an organization's sandbox took in place of the platform. Credentials are not kept."""

    platform = models.CharField(max_length=63)
    method = models.CharField(max_length=20)
    path = models.CharField(max_length=500)
    query = JsonBytesField(default=dict)
    body = JsonBytesField(null=True)
    status = models.PositiveSmallIntegerField()
    # Something was made or changed there.
    has_effect = models.BooleanField(default=False)
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["organization", "-id"], name="sandbox_newest")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Notice(OrganizationOwned):
    """Something that somebody is told, and whether he was. Without a target: one address, or the organization's owners,
    by mail."""

    target = LinkWithin(NotificationTarget, on_delete=models.CASCADE, null=True, related_name="notices")
    # The one person it is for; empty for all others.
    to = models.EmailField(blank=True, db_default="")
    # What follows the text in the mail and must not lie about, such as a one-time address; emptied once it is sent.
    confidential = SealedField(label="notice.confidential", db_default=b"")
    event = models.CharField(max_length=60)
    subject = models.CharField(max_length=300)
    text = models.CharField(max_length=2000)
    data = JsonBytesField(default=dict)
    # Null once it was sent, or given up.
    due_at = models.DateTimeField(null=True)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="notice_due", condition=models.Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return self.subject
