"""What GitHub is asked for, and what its answers mean."""

from typing import Any

import pytest
from pydantic import ValidationError

from integrations.connectors.github.connector import Github
from integrations.connectors.github.schemas import GithubConfig, GithubCredentials
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import SETS, Account, Call
from supportops import clock
from tests.integrations.calls import KEY, Caller, body_of
from tests.integrations.github.test_events import ISSUE

TOKEN = "github_pat_11AAAAAAA0" + "x" * 40
github = Caller(Github, {"token": TOKEN})
OWN = {"repo": "acme/shop", "title": "Payment fails"}
MARK = f"<!-- so:{KEY} -->"


# --- signing in -----------------------------------------------------------------------------------------------
def test_each_call_says_who_and_which_version() -> None:
    _, [call] = github.perform("create_issue__201__plain", "create_issue", OWN)
    assert str(call.url) == "https://api.github.com/repos/acme/shop/issues"
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.headers["accept"] == "application/vnd.github+json"
    assert call.headers["x-github-api-version"] == "2022-11-28"
    assert call.headers["user-agent"]


def test_the_version_is_a_setting() -> None:
    _, [call] = github.perform("create_issue__201__plain", "create_issue", OWN, config={"api_version": "2026-03-10"})
    assert call.headers["x-github-api-version"] == "2026-03-10"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://github.com/", "https://api.github.com"),
        ("github.example.com", "https://github.example.com/api/v3"),
        ("https://GitHub.example.com/api/v3/", "https://github.example.com/api/v3"),
        ("https://api.acme.ghe.com", "https://api.acme.ghe.com"),
    ],
)
def test_the_address_of_an_enterprise_is_completed(given: str, address: str) -> None:
    assert GithubCredentials(token=TOKEN, base_url=given).base_url == address


def test_the_connection_test_says_who_we_are() -> None:
    result, _ = github.perform("test_connection__200", "test_connection", {})
    assert result.success and result.message == "GitHub knows us as supportops-bot."
    assert result.data["account"] == {"id": "9000001", "actor_id": "9000001"}


def test_deliveries_are_those_of_the_default_owner() -> None:
    given, _ = github.ask("test_connection__200__owner", "test_connection", config={"default_owner": "acme"})
    assert given.data["account"] == Account(id="9919", actor_id="9000001")


def test_an_app_is_no_person() -> None:
    given, _ = github.ask("test_connection__200__app", "test_connection", config={"default_owner": "acme"})
    assert given.data["account"] == Account(id="9919") and "sees 1 repositories" in given.message


@pytest.mark.parametrize("answers", ["test_connection__401", "test_connection__403__locked"])
def test_a_bad_token_is_told(answers: str) -> None:
    with pytest.raises(CredentialsRejected):
        github.perform(answers, "test_connection", {})


# --- repositories ---------------------------------------------------------------------------------------------
def test_a_repository_is_private_unless_somebody_says_otherwise() -> None:
    result, [call] = github.perform("create_repo__201", "create_repo", {"repo_name": "tools"})
    assert body_of(call) == {"name": "tools", "private": True, "auto_init": False}
    assert result.data == {
        "id": 1296270,
        "name": "tools",
        "full_name": "supportops-bot/tools",
        "html_url": "https://github.com/supportops-bot/tools",
        "private": True,
        "clone_url": "https://github.com/supportops-bot/tools.git",
    }


def test_a_repository_with_everything() -> None:
    whole = {
        "repo_name": "tools", "private": False, "description": "Tools", "homepage": "https://acme.example",
        "auto_init": True, "gitignore_template": "Python", "license_template": "mit", "has_issues": False,
        "is_template": True, "delete_branch_on_merge": True,
    }  # fmt: skip
    _, [call] = github.perform("create_repo__201", "create_repo", whole)
    assert body_of(call) == {**{key: value for key, value in whole.items() if key != "repo_name"}, "name": "tools"}


def test_a_repository_goes_to_the_organization_or_the_default_owner() -> None:
    _, calls = github.perform("create_repo__201__organization", "create_repo", {"name": "tools", "org": "acme"})
    assert calls[-1].url.path == "/orgs/acme/repos"
    github.perform("create_repo__201__organization", "create_repo", {"name": "tools"}, config={"default_owner": "acme"})
    github.perform("create_repo__201__own_name", "create_repo", {"name": "tools", "owner": "SupportOps-Bot"})


def test_a_repository_that_cannot_be_says_why() -> None:
    with pytest.raises(InvalidInput, match="name: name already exists on this account"):
        github.perform("create_repo__422", "create_repo", {"repo_name": "tools"})
    with pytest.raises(Forbidden, match="organization_administration=write"):
        github.perform("create_repo__403", "create_repo", {"repo_name": "tools", "organization": "acme"})


def test_an_earlier_repository_is_one_that_is_no_older_than_the_step() -> None:
    found = github.find_earlier("find_created_repo__200", "create_repo", {"repo_name": "tools"})
    assert found is not None and found.data["full_name"] == "supportops-bot/tools"
    for answers in ("find_created_repo__200__older", "find_created_repo__404"):
        assert github.find_earlier(answers, "create_repo", {"repo_name": "tools"}) is None


# --- issues ---------------------------------------------------------------------------------------------------
def test_an_issue_has_all_that_was_given_and_our_mark() -> None:
    result, calls = github.perform(
        "create_issue__201",
        "create_issue",
        {**OWN, "body": "From the ticket", "labels": "bug", "assignees": ["@bo"], "milestone": "1.4"},
        call=Call(idempotency_key=KEY),
    )
    assert body_of(calls[-1]) == {
        "title": "Payment fails",
        "body": f"From the ticket\n\n{MARK}",
        "labels": ["bug"],
        "assignees": ["bo"],
        "milestone": 3,
    }
    assert result.message == "Issue acme/shop#7 is open."
    assert result.data == {
        "id": int(ISSUE),
        "number": 7,
        "html_url": "https://github.com/acme/shop/issues/7",
        "state": "open",
        "title": "Payment fails",
        "repo": "acme/shop",
    }


def test_what_github_left_out_without_a_word_is_told() -> None:
    wanted = {**OWN, "labels": ["bug"], "assignees": "bo", "milestone": 3, "type": "Bug"}
    result, [call] = github.perform("create_issue__201__plain", "create_issue", wanted)
    assert result.success and "left out bug, bo, the milestone, the type" in result.message
    assert body_of(call)["type"] == "Bug"


def test_the_repository_may_come_from_the_configuration() -> None:
    for given, config in (
        ({}, {"default_repo": "acme/shop"}),
        ({}, {"default_repo": "shop", "default_owner": "acme"}),
        ({"repo": "shop"}, {"default_owner": "acme"}),
        ({"repository": "shop", "owner": "acme"}, {}),
        ({"repo": "https://github.com/acme/shop.git"}, {}),
    ):
        _, [call] = github.perform("create_issue__201__plain", "create_issue", {"title": "x", **given}, config=config)
        assert call.url.path == "/repos/acme/shop/issues"
    github.perform("create_issue__201__no_owner", "create_issue", {"title": "x", "repo": "shop"})
    assert "default repository" in github.refused("create_issue", {"title": "x"})


def test_default_labels_are_for_issues_without_any() -> None:
    config = {"default_labels": "from-support, bug"}
    _, [call] = github.perform("create_issue__201__plain", "create_issue", OWN, config=config)
    assert body_of(call)["labels"] == ["from-support", "bug"]
    _, [call] = github.perform("create_issue__201__plain", "create_issue", {**OWN, "labels": []}, config=config)
    assert "labels" not in body_of(call)


def test_a_milestone_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(NotFound, match=r"no open milestone '9.9'. There are: 1.3"):
        github.perform("create_issue__404__milestone", "create_issue", {**OWN, "milestone": "9.9"})


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("create_issue__401", CredentialsRejected, "Bad credentials"),
        ("create_issue__403", Forbidden, "issues=write"),
        ("create_issue__403__secondary", RateLimited, "secondary rate limit"),
        ("create_issue__403__secondary_unnamed", RateLimited, "secondary rate limit"),
        ("create_issue__403__primary", RateLimited, "API rate limit exceeded"),
        ("create_issue__429", RateLimited, "429"),
        ("create_issue__404", NotFound, "may not see it"),
        ("create_issue__410", NotFound, "disabled"),
        ("create_issue__422", InvalidInput, "assignees: invalid"),
        ("create_issue__301", Permanent, "renamed or moved"),
        ("create_issue__502", Unavailable, "502"),
        ("create_issue__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        github.perform(answers, "create_issue", OWN)
    assert type(caught.value) is error
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        ("create_issue__403__secondary", 43),
        ("create_issue__403__secondary_unnamed", 60),
        ("create_issue__403__primary", 65),
        ("create_issue__429", 60),
    ],
)
def test_a_limit_says_how_long(answers: str, seconds: float) -> None:
    from datetime import UTC, datetime

    with clock.frozen(datetime.fromtimestamp(1795172405, UTC)), pytest.raises(RateLimited) as caught:
        github.perform(answers, "create_issue", OWN)
    assert caught.value.retry_after == seconds


def test_an_answer_of_the_last_kind_may_have_had_its_effect() -> None:
    with pytest.raises(Unavailable) as caught:
        github.perform("create_issue__502", "create_issue", OWN)
    assert caught.value.may_have_reached


def test_an_earlier_issue_is_found_by_its_mark() -> None:
    found = github.find_earlier("find_created_issue__200", "create_issue", OWN)
    assert found is not None and found.data["number"] == 7
    assert github.find_earlier("find_created_issue__200__none", "create_issue", OWN) is None


def test_an_issue_is_closed_with_a_reason() -> None:
    result, [call] = github.perform("close_issue__200", "close_issue", {"repo": "acme/shop", "issue_number": 7})
    assert body_of(call) == {"state": "closed", "state_reason": "completed"}
    assert result.data["state"] == "closed"
    given = {"issue": "https://github.com/acme/shop/issues/7#top", "reason": "not_planned"}
    _, [call] = github.perform("close_issue__200", "close_issue", given)
    assert body_of(call)["state_reason"] == "not_planned"
    assert Github.action_spec("close_issue").effect is SETS
    with pytest.raises(NotFound):
        github.perform("close_issue__404", "close_issue", {"repo": "acme/shop", "issue_number": "#7"})


# --- pull requests and comments -------------------------------------------------------------------------------
PULL = {"repo": "acme/shop", "title": "Retry payments", "head": "retry-payments"}


def test_a_pull_request_goes_into_the_default_branch() -> None:
    result, calls = github.perform(
        "create_pull_request__201", "create_pull_request", PULL, call=Call(idempotency_key=KEY)
    )
    assert body_of(calls[-1]) == {
        "title": "Retry payments",
        "head": "retry-payments",
        "base": "main",
        "body": MARK,
        "draft": False,
        "maintainer_can_modify": True,
    }
    assert result.data["html_url"] == "https://github.com/acme/shop/pull/8"


def test_a_pull_request_with_everything() -> None:
    given = {**PULL, "base": "develop", "body": "Fixes #7", "draft": True, "maintainer_can_modify": False}
    _, [call] = github.perform("create_pull_request__201__base", "create_pull_request", given)
    assert body_of(call) == {key: value for key, value in given.items() if key != "repo"}


def test_a_second_pull_request_for_a_branch_is_refused_by_github() -> None:
    with pytest.raises(InvalidInput, match="already exists for acme:retry-payments"):
        github.perform("create_pull_request__422", "create_pull_request", {**PULL, "base": "main"})


def test_an_earlier_pull_request_is_found_and_older_ones_are_not_read_to_the_end() -> None:
    found = github.find_earlier("find_created_pull_request__200", "create_pull_request", PULL)
    assert found is not None and found.data["number"] == 8
    assert github.find_earlier("find_created_pull_request__200__none", "create_pull_request", PULL) is None


def test_a_comment_bears_our_mark_and_is_found_by_it() -> None:
    given = {"repo": "acme/shop", "number": 7, "comment": "Looking into it."}
    result, [call] = github.perform("add_comment__201", "add_comment", given, call=Call(idempotency_key=KEY))
    assert body_of(call) == {"body": f"Looking into it.\n\n{MARK}"}
    assert result.data["html_url"].endswith("#issuecomment-1763719200")
    found = github.find_earlier("find_comment__200", "add_comment", given)
    assert found is not None and found.data["id"] == 1763719200
    assert github.find_earlier("find_comment__200__none", "add_comment", given) is None


def test_a_comment_may_fail() -> None:
    given = {"repo": "acme/shop", "issue_number": 7, "body": "x"}
    with pytest.raises(NotFound):
        github.perform("add_comment__404", "add_comment", given)
    with pytest.raises(Uncertain):
        github.perform("add_comment__cut_off", "add_comment", given)


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("create_issue", {"repo": "acme/shop"}),
        ("create_issue", {**OWN, "repo": "acme/shop/issues"}),
        ("create_issue", {**OWN, "repo": "acme/.."}),
        ("create_issue", {**OWN, "owner": "acme"}),
        ("create_issue", {"title": "x", "owner": "acme"}),
        ("create_issue", {**OWN, "assignees": ["x"] * 11}),
        ("create_issue", {**OWN, "colour": "red"}),
        ("create_issue", {**OWN, "title": "x" * 257}),
        ("create_repo", {"repo_name": "a b"}),
        ("close_issue", {"repo": "acme/shop", "issue_number": 0}),
        ("close_issue", {"repo": "acme/shop", "issue_number": 7, "reason": "bored"}),
        ("add_comment", {"repo": "acme/shop", "issue_number": 7, "body": ""}),
    ],
)
def test_what_cannot_be_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    github.refused(action, parameters)


def test_a_configuration_names_repositories() -> None:
    with pytest.raises(ValidationError):
        GithubConfig(default_repo="a b")


# --- forms and limits -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("repositories", [{"id": "acme/shop", "name": "acme/shop"}]),
        ("labels", [{"id": "bug", "name": "bug"}, {"id": "vip", "name": "vip"}]),
        ("users", [{"id": "ada", "name": "ada"}, {"id": "bo", "name": "bo"}]),
    ],
)
def test_forms_offer_what_there_is(kind: str, found: list[dict[str, str]]) -> None:
    given, _ = github.ask(f"choices__200__{kind}", "choices", kind, config={"default_repo": "acme/shop"})
    assert given == found
    assert kind in Github.choice_kinds


def test_other_choices_are_refused() -> None:
    with pytest.raises(InvalidInput, match="repositories"):
        Github().choices("boards")


def test_content_has_limits_of_its_own() -> None:
    keyed = [limit for limit in Github.limits if limit.key is not None]
    assert [(limit.calls, limit.seconds) for limit in keyed] == [(80, 60), (500, 3600)]
    for limit in keyed:
        assert limit.key is not None
        assert limit.key("add_comment", None) == "" and limit.key("close_issue", None) is None
