"""The ready-made rules for deployments: each text and each step at recording platforms, in dev, staging and prod."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from django.core.management import call_command

from integrations import lifecycle
from rules import gallery, installing, recipients
from rules.api_runs import run_as_dict
from rules.execution import StepSource
from rules.models import Rule
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.docs.fenced import ROOT
from tests.fake_platform import FakePlatform, in_place_of_the_network
from tests.integrations.samples import CONFIG, CREDENTIALS
from tests.integrations.twilio.test_actions import ACCOUNT
from tests.integrations.twilio.test_actions import CREDENTIALS as TWILIO
from webhooks import own_events
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

SLACK = "https://slack.com/api/chat.postMessage"
JIRA = "https://acme.atlassian.net/rest/api/3"
MONITORING = "https://monitoring.acme.example"
CHECKS = "https://compliance.acme.example/checks"
MAIL = "https://api.sendgrid.com/v3/mail/send"
SMS = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
STAGES = ("dev", "staging", "prod")
DEPLOYMENT: dict[str, Any] = {
    "id": "web-417",
    "template": "web",
    "branch": "feature/refunds",
    "duration": 312,
    "urls": {"app": "https://web-417.example.com", "logs": "https://logs.example.com/web-417"},
    "users": [{"name": "Ada", "email": "ada@acme.example", "phone": "+15551230001"}, {"name": "Cy"}],
    "reason": "The branch was merged.",
}
BACKUP = {"backup": {"location": "s3://backups/web-417"}}


def made(_: httpx.Request) -> httpx.Response:
    return httpx.Response(201, json={"sid": "SM1", "status": "queued", "to": "x"})


@pytest.fixture
def network(world: World, settings: Any) -> Iterator[FakePlatform]:
    """Every platform that the ready-made rules write to, connected for all environments; and one list of people."""
    settings.PLATFORM_LIMITS = dict.fromkeys(("slack", "jira", "monitoring", "compliance", "sendgrid", "twilio"))
    with in_place_of_the_network() as platform, working_for(world.ada.organization):
        for key in ("slack", "jira", "monitoring", "compliance", "sendgrid"):
            lifecycle.create(platform=key, name=key, credentials=CREDENTIALS[key], config=CONFIG.get(key, {}))
        lifecycle.create(platform="twilio", name="twilio", credentials=TWILIO)
        bo = {"name": "Bo", "email": "bo@acme.example", "phone": "+15551230002"}
        recipients.create_list(name="deployments", people=[bo], environment="prod")
        platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})
        platform.on("POST", f"{MONITORING}/environments", {"id": 1}, status=201)
        platform.on("POST", f"{MONITORING}/metrics", {}, status=202)
        platform.on("POST", CHECKS, {"check_id": "c1", "status": "passed"}, status=201)
        platform.on("POST", MAIL, lambda _: httpx.Response(202))
        platform.on("POST", SMS, made)
        yield platform


def install(key: str, **parameters: Any) -> list[Rule]:
    return [rule for rule, _ in installing.install(gallery.template(key), parameters, is_enabled=True)]


def happened(kind: str, environment: str, **changes: Any) -> tuple[str, list[dict[str, Any]]]:
    """Emit an event, do what follows from it, and return how it ended, with its runs as the API shows them."""
    payload = {**DEPLOYMENT, "environment": environment, **changes}
    emitted = own_events.emit(f"deployment.{kind}", payload, environment=environment)
    process_due([StepSource()])
    outcome, runs = own_events.outcome_of(emitted.delivery_id)
    return outcome, [run_as_dict(run.pk) for run in runs]


def done(run: dict[str, Any]) -> list[str]:
    """Return the steps of a run that did something."""
    return [step["id"] for step in run["steps"] if step["status"] == "succeeded"]


# --- Slack ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("stage", "color"), [("dev", "good"), ("staging", "warning"), ("prod", "danger")])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pre_setup", "is being set up"),
        ("post_setup", "is ready"),
        ("pre_teardown", "is about to be torn down"),
        ("post_teardown", "was torn down"),
    ],
)
def test_slack_shows_the_fields_and_colours_of_an_environment(
    network: FakePlatform, stage: str, color: str, kind: str, words: str
) -> None:
    install("deployment-slack", channel="#ops")
    outcome, [run] = happened(kind, stage, cost=12.5)
    assert (outcome, run["warnings"]) == ("succeeded", [])
    [body] = network.bodies(SLACK)
    assert (body["channel"], body["text"]) == ("#ops", f"*web in {stage} {words}*")
    [attachment] = body["attachments"]
    assert (attachment["color"], attachment["text"]) == (color, "The branch was merged.")
    shown = {field["title"]: field["value"] for field in attachment["fields"]}
    # The fields of an object are visited in no fixed order.
    assert sorted(shown.pop("Addresses").split()) == [
        "https://logs.example.com/web-417",
        "https://web-417.example.com",
    ]
    assert shown == {
        "Environment": stage,
        "Template": "web",
        "Branch": "feature/refunds",
        "Duration": "312",
        "Users": "2",
        "Cost": "12.5",
    }


def test_an_event_without_anything_is_told_all_the_same(network: FakePlatform) -> None:
    install("deployment-slack")
    emitted = own_events.emit("deployment.post_setup", {})
    process_due([StepSource()])
    assert own_events.outcome_of(emitted.delivery_id)[0] == "succeeded"
    [body] = network.bodies(SLACK)
    assert body["attachments"][0]["color"] == "good"


# --- Jira -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stage", STAGES)
def test_the_issue_of_a_setup_is_found_again_and_closed(network: FakePlatform, stage: str) -> None:
    install("deployment-jira")
    network.on("POST", f"{JIRA}/issue", {"id": "1", "key": "OPS-7"}, status=201)
    assert happened("post_setup", stage)[0] == "succeeded"
    [opened] = network.bodies(f"{JIRA}/issue")
    assert opened["fields"]["labels"] == ["deployment-web-417", "deployment"]
    assert opened["fields"]["summary"] == f"web in {stage} (web-417)"
    network.on("POST", f"{JIRA}/search/jql", {"issues": [{"id": "1", "key": "OPS-7", "fields": {}}], "isLast": True})
    network.on("GET", f"{JIRA}/issue/OPS-7", {"fields": {"status": {"name": "Open"}}})
    moves = {"transitions": [{"id": "31", "name": "Close", "to": {"name": "Done"}}]}
    network.on("GET", f"{JIRA}/issue/OPS-7/transitions", moves)
    network.on("POST", f"{JIRA}/issue/OPS-7/transitions", lambda _: httpx.Response(204))
    outcome, [run] = happened("post_teardown", stage)
    assert (outcome, done(run), run["warnings"]) == ("succeeded", ["find-issue", "close-issue"], [])
    [search] = network.bodies(f"{JIRA}/search/jql")
    assert search["jql"] == 'labels = "deployment-web-417" AND statusCategory != Done ORDER BY created DESC'
    last = network.requests[-1]
    assert (last.method, json.loads(last.content)["transition"]) == ("POST", {"id": "31"})


def test_an_id_cannot_change_what_is_searched_for(network: FakePlatform) -> None:
    install("deployment-jira")
    network.on("POST", f"{JIRA}/search/jql", {"issues": [], "isLast": True})
    outcome, [run] = happened("post_teardown", "dev", id='x" OR project = "HR')
    assert (outcome, done(run)) == ("succeeded", ["find-issue"])
    [search] = network.bodies(f"{JIRA}/search/jql")
    assert search["jql"].startswith(r'labels = "deployment-x\"-OR-project-=-\"HR" AND')


def test_an_event_without_an_id_opens_no_issue(network: FakePlatform) -> None:
    install("deployment-jira")
    outcome, [run] = happened("post_setup", "dev", id="")
    assert (outcome, done(run)) == ("succeeded", [])


# --- monitoring -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("stage", "kind"), [("dev", "development"), ("staging", "staging"), ("prod", "production")])
def test_monitoring_hears_of_setup_and_teardown(network: FakePlatform, stage: str, kind: str) -> None:
    install("deployment-monitoring", team="web")
    assert happened("post_setup", stage)[0] == "succeeded"
    assert happened("post_teardown", stage)[0] == "succeeded"
    first, second = network.bodies(f"{MONITORING}/environments")
    assert (first["name"], first["type"], first["status"], first["team"]) == ("web-417", kind, "active", "web")
    assert first["metadata"]["urls"] == DEPLOYMENT["urls"]
    assert (second["name"], second["status"]) == ("web-417", "removed")
    [metric] = network.bodies(f"{MONITORING}/metrics")
    assert (metric["name"], metric["value"], metric["environment"]) == ("deployment.setup_duration", 312, stage)


def test_a_duration_in_words_is_no_metric(network: FakePlatform) -> None:
    install("deployment-monitoring")
    outcome, [run] = happened("post_setup", "dev", duration="five minutes")
    assert (outcome, done(run)) == ("succeeded", ["register-environment"])


# --- compliance -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("stage", "status", "outcome"),
    [
        ("prod", "passed", "succeeded"),
        ("prod", "failed", "failed"),
        ("dev", "failed", "succeeded"),
        ("staging", "failed", "succeeded"),
    ],
)
def test_a_failed_check_stops_a_production_setup_alone(
    network: FakePlatform, stage: str, status: str, outcome: str
) -> None:
    install("deployment-compliance")
    install("deployment-slack")
    network.on("POST", CHECKS, {"check_id": "c1", "status": status, "violations": ["no backup"]}, status=201)
    assert happened("pre_setup", stage)[0] == outcome
    checks = network.bodies(CHECKS)
    assert len(checks) == (stage == "prod")
    if checks:
        assert (checks[0]["environment"], checks[0]["policy_set"]) == ("prod", "soc2")
        assert checks[0]["metadata"]["deployment"] == "web-417"


def test_a_gate_without_its_system_stays_shut(world: World) -> None:
    with in_place_of_the_network(), working_for(world.ada.organization):
        install("deployment-compliance")
        assert happened("pre_setup", "prod")[0] == "failed"


def test_a_script_hears_of_the_failed_gate_by_its_exit_code(network: FakePlatform, world: World) -> None:
    install("deployment-compliance")
    network.on("POST", CHECKS, {"check_id": "c1", "status": "failed"}, status=201)
    emitted = own_events.emit("deployment.pre_setup", {}, environment="prod", event_id="once")
    process_due([StepSource()])
    with pytest.raises(SystemExit) as ended:
        call_command(
            "emit", "deployment.pre_setup", "--organization", "ada", "--environment", "prod", "--id", "once",
            "--wait", "1", stdout=StringIO(),
        )  # fmt: skip
    assert ended.value.code == 1
    assert own_events.outcome_of(emitted.delivery_id)[0] == "failed"


# --- mails and SMS ----------------------------------------------------------------------------------------------
# By event: each text, what makes it be sent, whether production is urgent by itself, and words of it.
TEXTS: dict[str, list[tuple[str, dict[str, Any], bool, str]]] = {
    "pre_setup": [
        ("starting", {}, False, "You will hear from us when it is ready."),
        (
            "maintenance",
            {"maintenance": "Sunday, 02:00 to 04:00"},
            False,
            "maintenance window: Sunday, 02:00 to 04:00.",
        ),
        ("resources", {"cost": 12.5}, False, "Cost: 12.5"),
    ],
    "post_setup": [
        ("ready", {}, False, "Setting it up took: 312"),
        ("summary", {}, False, "app: https://web-417.example.com\nlogs: https://logs.example.com/web-417"),
        ("health", {"health": "degraded"}, True, "is not well: degraded."),
    ],
    "pre_teardown": [
        ("warning", {}, True, "Reason: The branch was merged."),
        ("active-users", {}, True, "these people still use it:\n\nAda\nCy"),
        ("backup", BACKUP, False, "s3://backups/web-417"),
    ],
    "post_teardown": [
        ("removed", {}, False, "Its addresses no longer answer."),
        ("savings", {"cost": 12.5}, False, "with it its cost: 12.5."),
        ("audit", {}, False, "Deployment: web-417"),
    ],
}
CASES = [(kind, *text) for kind, texts in TEXTS.items() for text in texts]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("kind", "text", "more", "is_urgent", "words"), CASES, ids=[case[1] for case in CASES])
def test_each_text_reaches_the_people_of_the_environment(
    network: FakePlatform, kind: str, text: str, more: dict[str, Any], is_urgent: bool, words: str, stage: str
) -> None:
    install(f"deployment-mail-{kind.replace('_', '-')}", texts=[text])
    outcome, [run] = happened(kind, stage, **more)
    assert (outcome, run["warnings"]) == ("succeeded", [])
    urgent = is_urgent and stage == "prod"
    assert done(run) == [f"mail-{text}", f"sms-{text}"][: 1 + urgent]
    [mail] = network.bodies(MAIL)
    to = [person["email"] for person in mail["personalizations"][0]["to"]]
    assert to == ["ada@acme.example", "bo@acme.example"][: 1 + (stage == "prod")]
    assert mail["subject"].startswith("[URGENT] ") is urgent
    assert "web in " + stage in mail["subject"]
    written = mail["content"][0]["value"].split("\n")
    assert all(any(line in found for found in written) for line in words.split("\n")), written
    assert not [warning for step in run["steps"] for warning in step["warnings"]]
    sent = [parse_qs(request.content.decode()) for request in network.requests if str(request.url) == SMS]
    assert [form["To"][0] for form in sent] == (["+15551230001", "+15551230002"] if urgent else [])
    assert all(form["Body"][0].startswith("[URGENT] ") and "web in prod" in form["Body"][0] for form in sent)


def test_the_sender_may_call_anything_in_production_urgent(network: FakePlatform) -> None:
    install("deployment-mail-post-setup", texts=["ready"])
    assert done(happened("post_setup", "prod", urgent=True)[1][0]) == ["mail-ready", "sms-ready"]
    assert done(happened("post_setup", "staging", urgent=True)[1][0]) == ["mail-ready"]


@pytest.mark.parametrize("kind", list(TEXTS))
def test_as_installed_a_text_without_an_occasion_is_not_sent(network: FakePlatform, kind: str) -> None:
    install(f"deployment-mail-{kind.replace('_', '-')}")
    payload = {name: value for name, value in DEPLOYMENT.items() if name not in ("urls", "cost")}
    own_events.emit(f"deployment.{kind}", payload, environment="dev")
    process_due([StepSource()])
    assert len(network.bodies(MAIL)) == 1


def test_where_nobody_is_known_nobody_is_written_to(network: FakePlatform) -> None:
    install("deployment-mail-pre-teardown")
    outcome, [run] = happened("pre_teardown", "dev", users=[])
    assert (outcome, done(run), network.requests) == ("succeeded", [], [])


# --- as files, and where nothing is connected ---------------------------------------------------------------------
LIFECYCLE = sorted(path.stem for path in gallery.FOLDER.glob("deployment-*.yaml"))


@pytest.mark.parametrize("key", LIFECYCLE)
def test_they_are_applied_as_files_too(world: World, key: str) -> None:
    path = str(ROOT / "rules" / "gallery" / f"{key}.yaml")
    out = StringIO()
    call_command("apply", path, "--organization", "ada", stdout=out, stderr=StringIO())
    assert out.getvalue() == "".join(f"+ {rule['name']}\n" for rule in gallery.template(key).rules)
    with working_for(world.ada.organization):
        assert Rule.objects.filter(is_enabled=True).count() == len(gallery.template(key).rules)


@pytest.mark.parametrize("stage", STAGES)
def test_integrations_that_are_missing_are_warnings_and_never_failures(world: World, stage: str) -> None:
    with in_place_of_the_network() as platform, working_for(world.ada.organization):
        for key in LIFECYCLE:
            if key != "deployment-compliance":
                install(key)
        for kind in ("pre_setup", "post_setup", "pre_teardown", "post_teardown"):
            outcome, runs = happened(kind, stage, cost=3, maintenance="tonight", health="down", **BACKUP)
            assert outcome == "succeeded"
            assert all(run["status"] == "succeeded" and run["warnings"] for run in runs)
        assert platform.requests == []
