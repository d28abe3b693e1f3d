"""A person's second factor: a code of his authenticator app at each sign-in, or once a recovery code.

Set up in two steps (`begin`, `confirm`), asked for by `check`, taken away by its owner (`remove`) or, where it is
lost, by whoever may (`reset`). Every change ends the person's other sessions, is told to him by mail, and leaves an
entry in the audit log of each organization that he belongs to.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from math import ceil
from urllib.parse import quote, urlencode

from django.db import transaction
from django.utils.translation import gettext as _
from django_otp.oath import TOTP

from audit.recording import record
from supportops import clock
from supportops.people.journal import note
from supportops.people.mails import tell
from supportops.people.models import Authenticator, RecoveryCode, User
from supportops.people.sessions import end_sessions
from supportops.tenancy.models import Membership, Organization
from supportops.tenancy.scope import current_organization_id

ISSUER = "SupportOps"
RECOVERY_CODES = 10
# So many wrong codes in a row mean that somebody else may know the password: the person is told.
TELLING_FAILURES = 5
_STEP, _DIGITS, _TOLERANCE = 30, 6, 1
_SECRET_BYTES = 20
# Without letters and digits that look alike. 16 of 31: more than 79 bits, so that a plain hash suffices.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY_LENGTH, _GROUP = 16, 4


class AlreadySetUp(Exception):
    """The person has a second factor, which must be removed before another is set up."""


@dataclass(frozen=True)
class Enrolment:
    """What the person's app must learn: the key as text, in groups of four, and the address that the QR code holds."""

    key: str
    address: str


@dataclass(frozen=True)
class Answer:
    """Whether a code was right. `wait`: seconds until another one is looked at, 0 when that is now."""

    is_right: bool
    wait: int = 0
    by_recovery_code: bool = False


def has_second_factor(user: User) -> bool:
    """Return whether sign-in asks this person for a code."""
    return bool(Authenticator.objects.filter(user=user, confirmed=True).exists())


def begin(user: User) -> None:
    """Make a new secret, to be confirmed by a code before it counts. Raises AlreadySetUp."""
    with transaction.atomic():
        if has_second_factor(user):
            raise AlreadySetUp
        Authenticator.objects.filter(user=user).delete()
        row = Authenticator(user=user, organization_id=user.pk, confirmed=False)
        row.secret.put(secrets.token_hex(_SECRET_BYTES))
        row.save(force_insert=True)


def pending(user: User) -> Enrolment | None:
    """Return what is to be confirmed, None where nothing was begun."""
    row = Authenticator.objects.filter(user=user, confirmed=False).first()
    if row is None:
        return None
    key = base64.b32encode(bytes.fromhex(row.secret.open())).decode()
    label = quote(f"{ISSUER}:{user.email}")
    query = urlencode({"secret": key, "issuer": ISSUER, "digits": _DIGITS, "period": _STEP})
    return Enrolment(" ".join(key[at : at + 4] for at in range(0, len(key), 4)), f"otpauth://totp/{label}?{query}")


def confirm(user: User, code: str) -> tuple[Answer, list[str]]:
    """Turn the second factor on with a right code; returns the answer and ten recovery codes, stored nowhere.

    Raises AlreadySetUp where nothing waits to be confirmed.
    """
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(user=user, confirmed=False).first()
        if row is None:
            raise AlreadySetUp
        answer = _check(row, code)
        if not answer.is_right:
            return answer, []
        row.confirmed = True
        row.save(update_fields=["confirmed"])
        codes = _new_recovery_codes(user)
        end_sessions(user)
        note("second_factor.added", user)
    tell(user, _("A second factor was set up"), _("From now on signing in asks for a code of your authenticator app."))
    return answer, codes


def check(user: User, code: str) -> Answer:
    """Return whether `code` is the authenticator's present one, not taken before, or an unused recovery code.

    Wrong codes make the next one wait: 1, 2, 4 ... seconds. Wrong where the person has no second factor.
    """
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(user=user, confirmed=True).first()
        if row is None:
            return Answer(False)
        answer = _check(row, code)
        is_telling = not answer.is_right and not answer.wait and row.throttling_failure_count == TELLING_FAILURES
    if is_telling:
        tell(
            user,
            _("Wrong codes at your sign-in"),
            _("Somebody gave your password and then several wrong codes. If that was not you, change your password."),
        )
    return answer


def renew_recovery_codes(user: User) -> list[str]:
    """Make ten new recovery codes, which are returned and stored nowhere; the old ones work no longer."""
    with transaction.atomic():
        codes = _new_recovery_codes(user)
        note("recovery_codes.renewed", user)
    tell(user, _("New recovery codes were made"), _("The earlier recovery codes of your second factor work no longer."))
    return codes


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes were not used yet."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def remove(user: User) -> None:
    """Take a person's second factor away, as he wishes; the caller has asked for password and code."""
    _take_away(user, "second_factor.removed")
    tell(user, _("Your second factor was removed"), _("From now on your password alone signs you in."))


def reset(user: User) -> bool:
    """Take a lost second factor away; returns whether there was one. Ends all of the person's sessions."""
    if not has_second_factor(user):
        return False
    _take_away(user, "second_factor.reset")
    tell(
        user,
        _("Your second factor was reset"),
        _("It was reset for you because it was lost. Sign in with your password and set up a new one."),
    )
    return True


def is_kept_out(user: User, organization: Organization) -> bool:
    """Return whether the organization asks its members for a second factor and this person has none."""
    return organization.requires_second_factor and not has_second_factor(user)


def may_reset_for(user: User) -> bool:
    """Return whether an owner of the organization in scope may reset a member's second factor.

    Only where it guards nothing but that organization: who is a member elsewhere too, or operates the installation,
    would lose a wall of others'. For them there is `manage.py reset_second_factor`.
    """
    elsewhere = Membership.across_organizations.filter(user=user).exclude(organization_id=current_organization_id())
    return not user.is_superuser and not elsewhere.exists()


def demand(organization: Organization, is_demanded: bool) -> None:
    """Ask all members of an organization for a second factor, or no longer."""
    with transaction.atomic():
        if organization.requires_second_factor != is_demanded:
            organization.requires_second_factor = is_demanded
            organization.save(update_fields=["requires_second_factor"])
            record(
                "organization.changed", organization, changes={"requires_second_factor": [not is_demanded, is_demanded]}
            )


def _take_away(user: User, action: str) -> None:
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        RecoveryCode.objects.filter(user=user).delete()
        end_sessions(user)
        note(action, user)


def _check(row: Authenticator, code: str) -> Answer:
    """Look at a code of the locked `row` and save what follows from it."""
    is_allowed, why = row.verify_is_allowed()
    if not is_allowed:
        return Answer(False, wait=max(1, ceil((why["locked_until"] - clock.now()).total_seconds())))
    given = "".join(code.split()).replace("-", "").lower()
    by_recovery_code = len(given) == _RECOVERY_LENGTH
    take = _use_recovery_code if by_recovery_code else _take_code
    if not take(row, given):
        row.throttle_increment()
        return Answer(False)
    row.throttle_reset(commit=False)
    row.save(update_fields=["throttling_failure_timestamp", "throttling_failure_count", "last_step"])
    return Answer(True, by_recovery_code=by_recovery_code)


def _take_code(row: Authenticator, code: str) -> bool:
    if len(code) != _DIGITS or not code.isascii() or not code.isdigit():
        return False
    totp = TOTP(bytes.fromhex(row.secret.open()), step=_STEP, digits=_DIGITS)
    totp.time = clock.now().timestamp()
    if not totp.verify(int(code), tolerance=_TOLERANCE, min_t=row.last_step + 1):
        return False
    row.last_step = totp.t()
    return True


def _use_recovery_code(row: Authenticator, code: str) -> bool:
    waiting = RecoveryCode.objects.filter(user=row.user, digest=_digest(code), used_at=None)
    return waiting.update(used_at=clock.now()) == 1


def _new_recovery_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    plain = ["".join(secrets.choice(_ALPHABET) for _n in range(_RECOVERY_LENGTH)) for _m in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, digest=_digest(code)) for code in plain])
    return ["-".join(code[at : at + _GROUP] for at in range(0, _RECOVERY_LENGTH, _GROUP)) for code in plain]


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
