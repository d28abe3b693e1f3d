"""What a person's browsers have open, how it is ended, and the sign-ins that were made or tried under his address."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import HASH_SESSION_KEY
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from supportops import clock
from supportops.addresses import client_ip
from supportops.people.browsers import browser_of
from supportops.people.models import BrowserSession, SignIn, User

# What a person sees of his sign-ins: so many that succeeded, and as many that failed.
MOST_REMEMBERED = 25
# Where a session keeps from where it was begun.
_MARK = "signed_in"


@dataclass(frozen=True)
class OpenSession:
    """A browser that is signed in. `handle` names it on pages, in place of its key, which opens it."""

    handle: str
    browser: str
    ip: str
    begun_at: datetime | None
    last_seen_at: datetime
    is_this: bool


def mark(request: HttpRequest) -> None:
    """Note in the request's session when and from where it was begun."""
    request.session[_MARK] = {
        "at": clock.now().isoformat(),
        "ip": client_ip(request),
        "browser": browser_of(request.headers.get("User-Agent", "")),
    }


def remember(user: User, outcome: SignIn.Outcome, request: HttpRequest | None) -> None:
    """Note a sign-in or a failed one, and forget the oldest of its kind."""
    ip = client_ip(request) if request is not None else ""
    browser = browser_of(request.headers.get("User-Agent", "")) if request is not None else ""
    SignIn.objects.create(user=user, outcome=outcome, ip=ip, browser=browser)
    kind = models.Q(outcome=SignIn.Outcome.DONE)
    alike = SignIn.objects.filter(kind if outcome == SignIn.Outcome.DONE else ~kind, user=user)
    beyond = alike.order_by("-id").values_list("pk", flat=True)[MOST_REMEMBERED : 2 * MOST_REMEMBERED]
    SignIn.objects.filter(pk__in=list(beyond)).delete()


def sign_ins_of(user: User) -> list[SignIn]:
    """Return the latest sign-ins under a person's address, failed ones too, newest first."""
    return list(SignIn.objects.filter(user=user).order_by("-id"))


def open_sessions(user: User, present_key: str | None) -> list[OpenSession]:
    """Return the browsers in which a person is signed in, the present one first, then by last use."""
    found = []
    for row in BrowserSession.objects.filter(user_id=user.pk, expire_date__gt=clock.now()):
        kept = row.get_decoded()
        # Sessions that a change of password or role has ended stay in the table until they expire.
        if not constant_time_compare(kept.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            continue
        begun = kept.get(_MARK, {})
        found.append(
            OpenSession(
                handle=_handle(row.session_key),
                browser=begun.get("browser", ""),
                ip=begun.get("ip", ""),
                begun_at=datetime.fromisoformat(begun["at"]) if "at" in begun else None,
                last_seen_at=row.last_seen_at,
                is_this=row.session_key == present_key,
            )
        )
    return sorted(found, key=lambda session: (session.is_this, session.last_seen_at), reverse=True)


def end_session(user: User, handle: str) -> bool:
    """End the session of this person that `handle` names; returns whether there was one."""
    keys = BrowserSession.objects.filter(user_id=user.pk).values_list("session_key", flat=True)
    key = next((key for key in keys if constant_time_compare(_handle(key), handle)), None)
    return key is not None and bool(BrowserSession.objects.filter(session_key=key).delete()[0])


def end_others(user: User, present_key: str | None) -> int:
    """End all sessions of a person but the present one; returns how many were open."""
    with transaction.atomic():
        count = sum(not session.is_this for session in open_sessions(user, present_key))
        BrowserSession.objects.filter(user_id=user.pk).exclude(session_key=present_key).delete()
    return count


def end_sessions(user: User) -> None:
    """End all of a user's sessions, in every browser. The one in which he acts is renewed by its view."""
    User.objects.filter(pk=user.pk).update(session_generation=models.F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])


def _handle(key: str) -> str:
    return hashlib.sha256(f"session:{key}".encode()).hexdigest()[:24]
