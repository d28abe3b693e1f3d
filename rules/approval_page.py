"""The page behind the one-time address of an approval: shows the question, takes one answer.

There is no session and no cookie: the address is all that its holder needs, and all that a stranger lacks, so a page of
another site cannot send the form for him. GET changes nothing, since mail scanners and previews open what they find.
What no longer works looks the same for every reason and names nobody.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from rules import answering, approval_links
from rules.answering import NoLonger
from supportops.addresses import client_ip
from supportops.api.throttling import seconds_to_wait
from supportops.context import acting_as
from supportops.tenancy.scope import working_for

MOST_COMMENT = 1000
# Requests that one address may make here in a minute.
_PER_MINUTE = 30
_TEMPLATE = "rules/approval.html"


# Nothing here goes by a cookie: what a forged form would need is the secret in the address itself.
@method_decorator(csrf_exempt, name="dispatch")
class ApprovalLinkView(View):
    """Asks the holder of a link, and takes his answer."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        ip = client_ip(request)
        wait = seconds_to_wait(f"approval:{ip}", _PER_MINUTE)
        if wait is not None:
            response: HttpResponse = _page(request, {"state": "busy"}, 429)
            response.headers["Retry-After"] = str(max(1, round(wait)))
            return response
        with acting_as(ip=ip):
            return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """Show the question."""
        link = approval_links.find(key)
        if link is None:
            return _page(request, {"state": "unknown"}, 404)
        with working_for(link.organization_id):
            try:
                asked = answering.open_link(link.id)
            except NoLonger:
                return _page(request, {"state": "over"}, 410)
            return _page(request, _shown(asked, "asks"))

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        """Take the answer."""
        link = approval_links.find(key)
        if link is None:
            return _page(request, {"state": "unknown"}, 404)
        decision, comment = request.POST.get("decision", ""), request.POST.get("comment", "").strip()
        comment = comment.replace("\0", "")[:MOST_COMMENT]
        with working_for(link.organization_id):
            try:
                if decision not in ("approve", "reject"):
                    return _page(request, _shown(answering.open_link(link.id), "asks", is_unclear=True), 400)
                asked = answering.answer_link(link.id, is_approved=decision == "approve", comment=comment)
            except NoLonger:
                return _page(request, {"state": "over"}, 410)
            return _page(request, _shown(asked, "approved" if decision == "approve" else "rejected"))


def _shown(asked: answering.Asked, state: str, **more: Any) -> dict[str, Any]:
    return {
        "state": state,
        "question": asked.question,
        "email": asked.user.email,
        "organization": asked.step.organization.name,
        "most_comment": MOST_COMMENT,
        **more,
    }


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    # Rendered here: within the organization's scope, which ends before Django would do it.
    response = TemplateResponse(request, _TEMPLATE, context, status=status).render()
    # The address is a secret: it goes to no other page, no search engine and no cache.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Cache-Control"] = "no-store"
    return response
