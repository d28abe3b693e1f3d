"""Calls to GitHub's REST API, look-ups of names, what answers mean. https://docs.github.com/en/rest, read 2026-11."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
)
from integrations.http import path
from integrations.rate_headers import rate_limit
from integrations.retry_after import clamped, wait_of
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
PER_PAGE = 100
# Lists longer than this are not read to their end: a look-up is one call of a rule, not a survey.
MAX_PAGES = 10
# What GitHub asks for where it names no time: docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
UNNAMED_WAIT = 60.0
_MOVED = frozenset({301, 307, 308})


class GithubClient:
    """GitHub as one integration sees it. Keeps what it looked up for as long as it lives: one call of a handler."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http

    # --- who we are ------------------------------------------------------------------------------------------
    @cached_property
    def me(self) -> Json:
        """The person whose token it is. Forbidden for the installation of an app, which is nobody."""
        return self._object(self.http.get("/user"))

    def user(self, login: str) -> Json:
        """A person or an organization."""
        return self._object(self.http.get(path("users", login)))

    def repositories(self) -> list[Json]:
        """The repositories that the token sees, those changed last first."""
        try:
            return list(self.pages("/user/repos", sort="updated"))
        except Forbidden:
            return list(self.pages("/installation/repositories", inside="repositories"))

    # --- a repository ----------------------------------------------------------------------------------------
    def repository(self, repo: str) -> Json:
        return self._object(self.http.get(self.at(repo)))

    def create_repository(self, organization: str, body: Mapping[str, Any]) -> Json:
        place = path("orgs", organization, "repos") if organization else "/user/repos"
        return self.http.post(place, json=dict(body)).made()

    def issue(self, repo: str, number: int | str) -> Json:
        return self._object(self.http.get(self.at(repo, "issues", number)))

    def issues(self, repo: str, since: datetime | None, **params: Any) -> Iterator[Json]:
        """Issues and pull requests; the latter have a field `pull_request`."""
        return self.pages(self.at(repo, "issues"), state="all", since=stamp(since), **params)

    def pulls(self, repo: str, **params: Any) -> Iterator[Json]:
        return self.pages(self.at(repo, "pulls"), state="all", **params)

    def comments(self, repo: str, number: int | None, since: datetime | None, **params: Any) -> Iterator[Json]:
        """Comments on an issue or pull request, oldest first; without a number those of all of them."""
        place = self.at(repo, "issues", "comments") if number is None else self.at(repo, "issues", number, "comments")
        return self.pages(place, since=stamp(since), **params)

    def releases(self, repo: str) -> Iterator[Json]:
        return self.pages(self.at(repo, "releases"))

    def create(self, repo: str, *parts: object, body: Mapping[str, Any]) -> Json:
        return self.http.post(self.at(repo, *parts), json=dict(body)).made()

    def change(self, repo: str, *parts: object, body: Mapping[str, Any]) -> Json:
        return self.http.patch(self.at(repo, *parts), json=dict(body)).made()

    def labels(self, repo: str) -> list[Json]:
        return list(self.pages(self.at(repo, "labels")))

    def assignees(self, repo: str) -> list[Json]:
        return list(self.pages(self.at(repo, "assignees")))

    def milestone_number(self, repo: str, milestone: int | str) -> int:
        """Return the number of an open milestone given by number or title. Raises NotFound."""
        text = str(milestone).strip()
        if text.isdecimal():
            return int(text)
        there = list(self.pages(self.at(repo, "milestones"), state="open"))
        for item in there:
            if str(item.get("title", "")).casefold() == text.casefold():
                return int(item["number"])
        some = ", ".join(str(item.get("title")) for item in there[:10])
        raise NotFound(f"{repo} has no open milestone '{text}'." + (f" There are: {some}." if some else ""))

    # --- webhooks --------------------------------------------------------------------------------------------
    def hooks(self, repo: str) -> list[Json]:
        return list(self.pages(self.at(repo, "hooks")))

    def remove_hook(self, repo: str, hook_id: str) -> None:
        """Remove a webhook; fine where it is gone already."""
        self.http.delete(self.at(repo, "hooks", hook_id), expected={404})

    # --- how -------------------------------------------------------------------------------------------------
    def at(self, repo: str, *parts: object) -> str:
        owner, _, name = repo.partition("/")
        return path("repos", owner, name, *parts)

    def pages(self, place: str, inside: str = "", **params: Any) -> Iterator[Json]:
        """The items of a list; `inside` names the field that holds them where the answer is an object."""
        for number in range(1, MAX_PAGES + 1):
            query = {**params, "per_page": PER_PAGE, "page": number}
            answer = self.http.get(place, params=query).json()
            items = answer.get(inside) if inside and isinstance(answer, dict) else answer
            found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
            yield from found
            if len(found) < PER_PAGE:
                return

    def _object(self, response: "Response") -> Json:
        answer = response.json()
        if not isinstance(answer, dict):
            raise Permanent(f"GitHub answered {response.status_code} with something else than an object.")
        return answer


def stamp(at: datetime | None) -> str | None:
    """Return a time as GitHub's parameters want it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means: limits that come as 403, and 404 for what may not be seen.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api, read 2026-11
    """
    status = response.status_code
    if 200 <= status < 300:
        return None
    said = _said(response)
    words = f"GitHub answered {status}" + (f": {said}" if said else ".")
    if status in (403, 429):
        return _refusal(response, words, said)
    if status == 404:
        return NotFound(f"{words} It does not exist, or the token may not see it.", status_code=status)
    if status in _MOVED:
        return Permanent(f"{words} The repository was renamed or moved: give its new name.", status_code=status)
    if status == 422:
        return InvalidInput(words, status_code=status)
    return None


def _refusal(response: "Response", words: str, said: str) -> IntegrationError:
    """403 and 429 both mean limits, and 403 other things as well."""
    status, headers, now = response.status_code, response.headers, clock.now()
    wait = wait_of(headers.get("retry-after"), now, date=headers.get("date"))
    limit = rate_limit(headers, now)
    if wait is None and limit and limit["remaining"] == 0 and limit["reset_at"]:
        wait = clamped((datetime.fromisoformat(limit["reset_at"]) - now).total_seconds())
    if wait is not None or status == 429 or "rate limit" in said.lower() or "abuse detection" in said.lower():
        return RateLimited(words, retry_after=wait or UNNAMED_WAIT, status_code=status)
    if "login attempts" in said.lower():
        return CredentialsRejected(words, status_code=status)
    needed = shortened(headers.get("x-accepted-github-permissions", ""), 200)
    return Forbidden(words + (f" Needed: {needed}." if needed else ""), status_code=status)


def _said(response: "Response") -> str:
    """GitHub's words, and what it says of each field: those often have a code and no message."""
    answer = response.json_or_none()
    if not isinstance(answer, dict):
        return shortened(response.message)
    parts = [str(answer["message"]).rstrip(".")] if answer.get("message") else []
    errors = answer.get("errors")
    for item in errors if isinstance(errors, list) else []:
        if isinstance(item, dict):
            about = str(item.get("field") or item.get("resource") or "")
            what = str(item.get("message") or item.get("code") or "")
            parts.append(f"{about}: {what}" if about and what else about or what)
        else:
            parts.append(str(item))
    return shortened("; ".join(part for part in parts if part)) + ("." if parts else "")


def missing_of(wanted: Sequence[str], there: Any, name: str) -> list[str]:
    """Return what was asked for and is not among the objects that GitHub answered with, by their field `name`."""
    found = {str(item.get(name, "")).casefold() for item in there or [] if isinstance(item, Mapping)}
    return [item for item in wanted if item.casefold() not in found]
