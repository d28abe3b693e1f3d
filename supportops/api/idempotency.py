"""Requests that may be repeated: the same Idempotency-Key and body give the first answer again.

Per caller and route, for 24 hours; the answer is kept sealed, since it may hold a secret that is shown once. Only
answers that made something (2xx) are kept: after a refusal nothing was made, and the key is free again.
"""

import base64
import hashlib
import re
from datetime import timedelta
from typing import Any

from django.core.files import File
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from supportops import clock
from supportops.api.callers import Caller
from supportops.api.errors import ApiProblem, Conflict
from supportops.api.models import KeptAnswer

KEPT_FOR = timedelta(hours=24)
# Longer than any request may take: whoever claimed the key before that died without an answer.
ABANDONED_AFTER = timedelta(minutes=10)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("Content-Type", "Location")


class KeyedRequest:
    """A request with an Idempotency-Key: either it is the first (`earlier` is None) or `earlier` is its answer."""

    def __init__(self, row: KeptAnswer, earlier: HttpResponse | None) -> None:
        self._row, self.earlier = row, earlier

    def end(self, response: HttpResponseBase) -> None:
        """Keep the answer to the first request, or free the key when nothing was made."""
        if self.earlier is not None:
            return
        if isinstance(response, HttpResponse) and 200 <= response.status_code < 300:
            self._row.status_code = response.status_code
            self._row.answer.put(
                {
                    "body": base64.b64encode(response.content).decode(),
                    "headers": {name: response[name] for name in _KEPT_HEADERS if name in response},
                }
            )
            self._row.save()
        else:
            self.release()

    def release(self) -> None:
        """Free the key of a request that has no answer to keep."""
        if self.earlier is None:
            KeptAnswer.objects.filter(pk=self._row.pk).delete()


def begin(request: Request) -> KeyedRequest | None:
    """Claim the key of a POST that carries one. Raises Conflict for another body or one still under way."""
    key = request.headers.get("Idempotency-Key")
    if request.method != "POST" or key is None or not isinstance(request.auth, Caller):
        return None
    if not _KEY.fullmatch(key):
        raise ApiProblem(
            None, "invalid_idempotency_key", "The Idempotency-Key must be 1 to 255 visible ASCII characters."
        )
    route = request.path.rstrip("/")
    if len(route) > 200:
        route = hashlib.sha256(route.encode()).hexdigest()
    place = {"caller": request.auth.key, "route": route, "key": key}
    digest = _digest(request)
    for _ in range(3):
        try:
            with transaction.atomic():
                return KeyedRequest(KeptAnswer.objects.create(**place, body_digest=digest), None)
        except IntegrityError:
            row = KeptAnswer.objects.filter(**place).first()
        if row is None:  # freed in the meantime
            continue
        age = clock.now() - row.created_at
        if age > KEPT_FOR or (row.status_code is None and age > ABANDONED_AFTER):
            KeptAnswer.objects.filter(pk=row.pk, status_code=row.status_code).delete()
            continue
        if row.body_digest != digest:
            raise Conflict(
                "idempotency_key_reused", "This Idempotency-Key came with another request before: use a new one."
            )
        if row.status_code is not None:
            return KeyedRequest(row, _answer_of(row))
        break
    raise Conflict("idempotency_key_in_use", "The first request with this Idempotency-Key is still under way.")


def forget_old_answers(limit: int = 1000) -> int:
    """Delete answers older than 24 hours, whoever they belong to, and return how many. Works across organizations."""
    old = KeptAnswer.across_organizations.filter(created_at__lt=clock.now() - KEPT_FOR)
    deleted, _ = KeptAnswer.across_organizations.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()
    return deleted


def _digest(request: Request) -> str:
    digest = hashlib.sha256(request.META.get("QUERY_STRING", "").encode())
    if request.content_type.startswith("multipart/"):
        _digest_form(request, digest)
        return digest.hexdigest()
    digest.update(b"\n" + request.content_type.encode() + b"\n")
    digest.update(request._request.body)
    return digest.hexdigest()


def _digest_form(request: Request, digest: Any) -> None:
    """Add the parts of a form: what stands between them is another with every sender's try."""
    for name, values in sorted(request.data.lists()):  # type: ignore[union-attr]
        for value in values:
            digest.update(b"\n" + str(name).encode() + b"\n")
            if isinstance(value, File):
                for chunk in value.chunks():
                    digest.update(chunk)
                value.seek(0)
            else:
                digest.update(str(value).encode())


def _answer_of(row: KeptAnswer) -> HttpResponse:
    kept = row.answer.open()
    response = HttpResponse(base64.b64decode(kept["body"]), status=row.status_code)
    for name, value in kept["headers"].items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
