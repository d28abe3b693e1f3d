"""What is promised by name: each connector's actions, events, credential fields and the parameters people expect."""

import pytest
from pydantic import AliasChoices, BaseModel, ValidationError

from integrations import registry
from integrations.credentials import credentials_model

ACTIONS: dict[str, str] = {
    "freshdesk": "create_ticket update_ticket add_note add_reply assign_ticket change_status add_time_entry "
    "create_contact update_contact create_company update_company bulk_update",
    "zendesk": "create_ticket update_ticket add_comment assign_ticket change_status set_priority add_tags apply_macro "
    "create_user update_user create_organization update_organization search bulk_update",
    "slack": "send_message send_notification create_channel archive_channel set_topic invite_user upload_file "
    "set_status set_presence",
    "trello": "create_card update_card move_card add_comment add_checklist add_label add_attachment create_list "
    "create_board",
    "notion": "create_page update_page append_content create_database_entry update_database_entry add_comment "
    "query_database",
    "google_sheets": "append_row update_row find_row upsert_row read_range create_sheet batch_update format_range",
    "telegram": "send_message send_document",
    "teams": "send_message",
    "github": "create_repo create_issue close_issue create_pull_request add_comment",
    "jira": "create_issue update_issue transition_issue add_comment search_issues",
    "pagerduty": "trigger_incident acknowledge_incident resolve_incident add_note",
    "sendgrid": "send_email",
    "smtp": "send_email",
    "twilio": "send_sms",
    "s3": "upload_file",
    "postgresql": "execute_query",
    "datadog": "create_event",
    "grafana": "query",
    "prometheus": "query alerts",
    "monitoring": "register_environment send_metric",
    "compliance": "run_check",
}

EVENTS: dict[str, str] = {
    "freshdesk": "ticket_created ticket_updated ticket_resolved ticket_closed note_created contact_created "
    "contact_updated",
    "zendesk": "ticket.created ticket.updated ticket.solved ticket.closed comment.created user.created user.updated "
    "organization.created organization.updated",
    "slack": "message app_mention reaction_added slash_command",
    "trello": "card.created card.updated card.moved card.commented",
    "notion": "page.created page.updated comment.created",
    "telegram": "telegram.message.received",
    "github": "issues issue_comment pull_request push release",
    "jira": "issue_created issue_updated comment_created",
    "pagerduty": "incident.triggered incident.acknowledged incident.resolved",
    "sendgrid": "delivered bounce",
    "twilio": "sms.received",
    "grafana": "alert.firing alert.resolved",
    "prometheus": "alert.firing alert.resolved",
}
WITHOUT_EVENTS = (
    "google_sheets", "teams", "smtp", "s3", "postgresql", "datadog", "monitoring", "compliance",
)  # fmt: skip

_ZENDESK, _JIRA = {"subdomain": "acme"}, {"site_url": "https://acme.atlassian.net"}
_KEY, _URL = "0" * 32, "https://acme.example"
# Each set of fields is enough by itself.
ENOUGH: list[tuple[str, dict[str, object]]] = [
    ("freshdesk", {"domain": "acme", "api_key": "k"}),
    ("zendesk", {**_ZENDESK, "client_id": "c", "client_secret": "s"}),
    ("zendesk", {**_ZENDESK, "access_token": "t"}),
    ("zendesk", {**_ZENDESK, "email": "a@acme.example", "api_token": "t"}),
    ("slack", {"bot_token": "xoxb-1-2-abc"}),
    ("slack", {"webhook_url": "https://hooks.slack.com/services/T0/B0/x"}),
    ("slack", {"user_token": "xoxp-1-2-abc"}),
    ("trello", {"api_key": "a" * 32, "token": "ATTA" + "t" * 60}),
    ("notion", {"token": "ntn_" + "a" * 46}),
    ("telegram", {"bot_token": "123456:" + "A" * 35}),
    ("github", {"token": "github_pat_" + "x" * 60}),
    ("jira", {**_JIRA, "email": "a@acme.example", "api_token": "t" * 24}),
    ("jira", {**_JIRA, "bearer_token": "t" * 24}),
    ("pagerduty", {"routing_key": _KEY}),
    ("pagerduty", {"api_token": "u+abcdefghijklmnopqr", "from_email": "a@acme.example"}),
    ("sendgrid", {"api_key": "SG." + "a" * 22 + "." + "b" * 43}),
    ("smtp", {"host": "mail.acme.example", "from_address": "a@acme.example"}),
    ("twilio", {"account_sid": "AC" + "1" * 32, "auth_token": "2" * 32, "from_number": "+15005550006"}),
    ("s3", {"access_key": "AKIA" + "A" * 16, "secret_key": "s" * 40, "bucket": "acme-files"}),
    ("postgresql", {"host": "db.acme.example", "database": "shop", "username": "u", "password": "p"}),
    ("datadog", {"api_key": _KEY}),
    ("grafana", {"url": _URL, "token": "glsa_abc"}),
    ("prometheus", {"url": _URL}),
    ("prometheus", {"url": _URL, "username": "u", "password": "p"}),
    ("prometheus", {"url": _URL, "token": "t"}),
    ("monitoring", {"url": _URL, "token": "t"}),
    ("compliance", {"url": _URL, "token": "t"}),
]
FURTHER_FIELDS: dict[str, str] = {
    "zendesk": "refresh_token",
    "trello": "api_secret",
    "google_sheets": "service_account",
    "github": "base_url",
    "smtp": "port username password security",
    "s3": "region endpoint_url",
    "postgresql": "port sslmode",
    "datadog": "site",
    "compliance": "policy_set",
}
NOT_ENOUGH: list[tuple[str, dict[str, object]]] = [
    ("zendesk", _ZENDESK),
    ("zendesk", {**_ZENDESK, "client_id": "c"}),
    ("zendesk", {**_ZENDESK, "email": "a@acme.example"}),
    ("slack", {}),
    ("google_sheets", {}),
    ("jira", _JIRA),
    ("jira", {**_JIRA, "email": "a@acme.example"}),
    ("pagerduty", {}),
    ("pagerduty", {"api_token": "u+abcdefghijklmnopqr"}),
    ("prometheus", {"url": _URL, "username": "u"}),
]

PARAMETERS: list[tuple[str, str, str]] = [
    ("slack", "send_message", "channel user message text"),
    ("slack", "send_notification", "title message color"),
    ("slack", "upload_file", "file_path content url channels title"),
    ("github", "create_repo", "repo_name private"),
    ("github", "create_issue", "repo title body"),
    ("github", "close_issue", "repo issue_number"),
    ("sendgrid", "send_email", "to subject body html cc bcc attachments"),
    ("smtp", "send_email", "to subject body html cc bcc attachments"),
    ("freshdesk", "create_ticket", "attachments"),
    ("freshdesk", "update_ticket", "attachments"),
    ("freshdesk", "add_note", "attachments"),
    ("freshdesk", "add_reply", "attachments"),
    ("zendesk", "create_ticket", "attachments"),
    ("zendesk", "add_comment", "attachments"),
    ("trello", "create_card", "attachments"),
    ("jira", "create_issue", "attachments"),
    ("jira", "add_comment", "attachments"),
    ("notion", "create_page", "mentions"),
    ("notion", "add_comment", "mentions"),
    ("telegram", "send_document", "file_path"),
    ("teams", "send_message", "text card"),
    ("s3", "upload_file", "file_path"),
    ("postgresql", "execute_query", "query"),
    ("monitoring", "register_environment", "name type status team metadata"),
    ("compliance", "run_check", "environment check_type policy_set metadata"),
]

CONFIGURATION = [("freshdesk", "default_priority default_status auto_assign")]


def names_of(model: type[BaseModel]) -> set[str]:
    """Every name under which a model takes a value."""
    names: set[str] = set()
    for name, info in model.model_fields.items():
        alias = info.validation_alias
        names |= {name} | ({str(item) for item in alias.choices} if isinstance(alias, AliasChoices) else set())
    return names


@pytest.mark.parametrize("key", ACTIONS)
def test_each_action_is_there_and_the_connection_test_is_one(key: str) -> None:
    there = {spec.name for spec in registry.get(key).all_actions()}
    assert {*ACTIONS[key].split(), "test_connection"} <= there


@pytest.mark.parametrize("key", EVENTS)
def test_each_event_is_there(key: str) -> None:
    assert set(EVENTS[key].split()) <= {spec.name for spec in registry.get(key).events}


@pytest.mark.parametrize("key", WITHOUT_EVENTS)
def test_those_without_events_promise_none(key: str) -> None:
    assert registry.get(key).events == []


def test_the_generic_actions_need_no_account() -> None:
    for name in ("http_request", "webhook"):
        assert registry.generic_action(name) is not None
    assert registry.get("webhook").scheme_names()[:1] == ["standard_webhooks"]


@pytest.mark.parametrize(("key", "given"), ENOUGH, ids=[f"{key}:{','.join(given)}" for key, given in ENOUGH])
def test_each_way_to_sign_in_is_enough(key: str, given: dict[str, object]) -> None:
    credentials_model(registry.get(key)).model_validate(given)


@pytest.mark.parametrize("key", FURTHER_FIELDS)
def test_further_credential_fields_have_their_names(key: str) -> None:
    fields = credentials_model(registry.get(key)).model_fields
    assert set(FURTHER_FIELDS[key].split()) <= set(fields)
    assert not [name for name in FURTHER_FIELDS[key].split() if fields[name].is_required()]


@pytest.mark.parametrize(("key", "given"), NOT_ENOUGH, ids=[f"{key}:{','.join(given)}" for key, given in NOT_ENOUGH])
def test_half_a_way_to_sign_in_is_refused(key: str, given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        credentials_model(registry.get(key)).model_validate(given)


@pytest.mark.parametrize(("key", "action", "names"), PARAMETERS)
def test_parameters_have_the_names_that_people_expect(key: str, action: str, names: str) -> None:
    assert set(names.split()) <= names_of(registry.get(key).action_spec(action).model)


@pytest.mark.parametrize(("key", "names"), CONFIGURATION)
def test_settings_have_their_names(key: str, names: str) -> None:
    assert set(names.split()) <= set(registry.get(key).Config.model_fields)


def test_a_notification_knows_the_three_colours() -> None:
    model = registry.get("slack").action_spec("send_notification").model
    for color in ("good", "warning", "danger"):
        model.model_validate({"channel": "#ops", "title": "T", "message": "M", "color": color})
