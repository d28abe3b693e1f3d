"""Users, who sign in by e-mail address, with sessions and second factor; invitations and tokens of organizations."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import IntegrityError, models, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy
from django_otp.models import Device, ThrottlingMixin

from supportops import clock
from supportops.fields import JsonBytesField
from supportops.ids import new_id
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.roles import Role
from supportops.vault.fields import SealedField


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        # Addresses are kept in lower case; people type them as they like.
        return self.get(email=(username or "").strip().lower())

    def get_or_create_by_email(self, email: str, *, name: str = "") -> tuple["User", bool]:
        """Return the user with this address, in any case of letters, or a new one who has no password yet."""
        user = self.filter(email=email.lower()).first()
        if user is not None:
            return user, False
        try:
            with transaction.atomic():
                return self.create_user(email, name=name), True
        except IntegrityError:  # somebody invited the same person at this moment
            return self.get(email=email.lower()), False

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. May be a member of several organizations; a superuser operates the installation."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("may sign in to the admin", default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    # Part of what a session is signed with: raising it ends all sessions.
    session_generation = models.PositiveIntegerField(default=0, editable=False)

    # The slug of the organization that was chosen last, where the next sign-in begins.
    last_organization = models.CharField(max_length=63, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Django compares this with each session at each request; its own covers the password alone.
        text = f"{self.session_generation}:{self.password}"
        return salted_hmac("supportops.people.session", text, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email


class BrowserSession(AbstractBaseSession):
    """A browser's session. Beside Django's own fields: whose it is, and when it was last used."""

    # No foreign key: a session outlives nobody by more than its own end, and is written at every page.
    user_id = models.UUIDField(null=True, db_index=True)
    last_seen_at = models.DateTimeField(default=clock.now)

    @classmethod
    def get_session_store_class(cls) -> Any:
        from supportops.people.session_store import SessionStore

        return SessionStore


class SignIn(models.Model):
    """A sign-in that somebody made or tried under a person's address, for this person to see."""

    class Outcome(models.TextChoices):
        """What came of it."""

        DONE = "done", gettext_lazy("signed in")
        WRONG_PASSWORD = "password", gettext_lazy("wrong password")
        WRONG_CODE = "code", gettext_lazy("wrong code")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    at = models.DateTimeField(default=clock.now)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    ip = models.CharField(max_length=45, blank=True)
    browser = models.CharField(max_length=100, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="sign_ins_of_user")]

    def __str__(self) -> str:
        return f"{self.outcome} {self.at:%Y-%m-%d %H:%M}"


class Authenticator(ThrottlingMixin, Device):  # type: ignore[misc]
    """A person's app that makes codes from a shared secret (TOTP, RFC 6238). Asked for once it is confirmed.

    Not django-otp's own table, which would hold the secret in the open.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator")
    name = None
    # Whose data key seals the secret. A person belongs to no single organization: his key is his own, under his id.
    organization_id = models.UUIDField(editable=False)
    secret = SealedField("people.authenticator")
    # The time step of the last code that was taken: no code is taken twice.
    last_step = models.BigIntegerField(default=-1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    # Beyond so many wrong codes in a row the wait grows no longer (34 minutes), so that nobody is locked out for good.
    MOST_COUNTED = 12

    def __str__(self) -> str:
        return f"authenticator of {self.user_id}"

    def get_throttle_factor(self) -> int:
        return 1

    def throttle_increment(self, commit: bool = True) -> None:
        super().throttle_increment(commit=False)
        count: int = self.throttling_failure_count  # type: ignore[has-type]
        self.throttling_failure_count = min(count, self.MOST_COUNTED)
        if commit:
            self.save(update_fields=["throttling_failure_timestamp", "throttling_failure_count"])


class RecoveryCode(models.Model):
    """Stands in once for a lost authenticator. The code itself is shown once; `digest` is its SHA-256."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="one_recovery_code_per_digest")]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"


class Invitation(OrganizationOwned):
    """Somebody who was asked to become a member and has not answered yet. Gone once accepted or revoked.

    The address in the mail holds a random key, of which `digest` is the SHA-256.
    """

    email = models.EmailField()
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=10, choices=[(role.value, role.value.title()) for role in Role])
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.CharField(max_length=254, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(editable=False)
    # When the mail server took the mail; empty where none is sent, or where it could not be.
    mailed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = gettext_lazy("invitation")
        verbose_name_plural = gettext_lazy("invitations")
        ordering = ["email"]
        constraints = [models.UniqueConstraint(fields=["organization", "email"], name="one_invitation_per_address")]

    def __str__(self) -> str:
        return self.email

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= clock.now()


class ApiToken(OrganizationOwned):
    """A key of an organization to the API. The token itself is shown once; `digest` is its SHA-256."""

    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # The first characters, by which people recognise a token in a list.
    prefix = models.CharField(max_length=16, editable=False)
    scopes = models.JSONField(default=list)
    allowed_ips = JsonBytesField(default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
