"""The address that platforms send to, within Django: for its own servers and for tests. Elsewhere the door itself
stands before it (supportops/wsgi.py)."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from webhooks.door import answer


@csrf_exempt
def take(request: HttpRequest, platform: str, endpoint: str | None = None) -> HttpResponse:
    """Answer one request as the door does."""
    reply = answer(request.META, request.read, platform, endpoint, getattr(request, "request_id", ""))
    return HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
