"""Scripts in rules: who may run them, what they are given, where they wait, and what is told of them."""

import os
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from integrations import script_grants, scripts
from integrations.sandbox import bubblewrap, running
from rules import interventions, variables
from rules.execution import perform_due
from rules.models import RunStatus, Step, StepContent, StepStatus
from rules.problems import Refused
from rules.variables import Wish
from supportops.redaction import MASK
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import Desk

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "sk-canary-0123456789"
ODD = "$(touch /tmp/pwned) `id` \"'; exit 9 #\nnext"


def shell(script: str, name: str = "run", **more: Any) -> dict[str, Any]:
    parameters = {"script": script, **more.pop("parameters", {})}
    return {"id": name, "action": "shell_script", "parameters": parameters, **more}


def python(name: str = "run", **parameters: Any) -> dict[str, Any]:
    return {"id": name, "action": "python_script", "parameters": parameters}


@pytest.fixture
def granted(desk: Desk, settings: Any) -> Desk:
    """The desk of an organization whose scripts may run."""
    settings.SCRIPTS = "sandbox"
    with working_for(desk.organization):
        script_grants.grant_scripts()
    return desk


def work(desk: Desk) -> None:
    """Do what is due in both queues until nothing is."""
    for _ in range(3):
        desk.perform()
        perform_due("scripts", slots=4)


def problems_of(desk: Desk, *steps: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        desk.rule(*steps)
    except Refused as refused:
        return [(problem.attr, problem.code) for problem in refused.problems]
    return []


# --- running ----------------------------------------------------------------------------------------------------
def test_a_ticket_reaches_a_script_as_text_and_its_output_later_steps(granted: Desk, sandbox: None) -> None:
    granted.rule(
        shell('printf "%s" "{{ ticket.subject }}"; printf "%s" {{ ticket.id }} >&2'),
        python(
            "count",
            script="import sys\nprint(len({{ steps.run.output.stdout }}), sys.argv[1])",
            args=["{{ ticket.subject }}"],
        ),
    )
    granted.ticket(subject=ODD)
    work(granted)
    assert granted.output("run") == {"exit_code": 0, "stdout": ODD, "stderr": "42"}
    assert granted.output("count")["stdout"] == f"{len(ODD)} {ODD}\n"
    assert granted.run.status == RunStatus.SUCCEEDED
    with working_for(granted.organization):
        shown = StepContent.objects.get(step=granted.step("run")).parameters
    assert shown["script"] == 'printf "%s" "${SO_1}"; printf "%s" "${SO_2}" >&2'
    assert shown["values"] == {"SO_1": ODD, "SO_2": "42"}


def test_a_script_that_fails_tells_later_steps(granted: Desk, sandbox: None) -> None:
    granted.rule(
        shell("echo no such host >&2; exit 4", on_failure="continue"),
        shell("echo {{ steps.run.error }}", "tell", condition="{{ steps.run.failed }}"),
    )
    granted.ticket()
    work(granted)
    assert granted.statuses() == {"run": StepStatus.FAILED, "tell": StepStatus.SUCCEEDED}
    assert "exit code 4: no such host" in granted.output("tell")["stdout"]
    assert granted.attempts("run") == ["failed"], "what failed by itself is not tried again"


def test_a_script_of_the_organizations_own_is_run_as_it_stands(granted: Desk, sandbox: None, world: World) -> None:
    with working_for(granted.organization):
        scripts.create_script(name="analyze.py", language="python", text="import sys\nprint('{{ 1 }}', sys.argv[1])")
    with working_for(world.bo.organization):
        scripts.create_script(name="bo.py", language="python", text="print('of Bo')")
    granted.rule(python(script="./scripts/analyze.py", args=["{{ ticket.id }}"]), python("other", file="bo.py"))
    granted.ticket()
    work(granted)
    assert granted.output("run")["stdout"] == "{{ 1 }} 42\n"
    assert "no script 'bo.py'" in granted.step("other").error


def test_the_text_of_a_script_may_come_from_a_step_but_never_from_the_event(granted: Desk, sandbox: None) -> None:
    granted.rule(shell("echo 'echo made; exit 0'"), shell("{{ steps.run.output.stdout }}", "made"))
    granted.ticket()
    work(granted)
    assert granted.output("made")["stdout"] == "made\n"
    refused = [("steps.0.parameters.script", "script_from_event")]
    assert problems_of(granted, shell("{{ ticket.subject }}")) == refused


def test_a_value_that_could_be_more_is_refused_with_its_place(granted: Desk) -> None:
    with pytest.raises(Refused) as caught:
        granted.rule(shell("echo ok\neval echo {{ ticket.subject }}"))
    [problem] = caught.value.problems
    assert (problem.attr, problem.code) == ("steps.0.parameters.script", "unsafe_in_script")
    assert "`eval`" in problem.detail and "(line 2, column 11)" in problem.detail
    assert problems_of(granted, python(script="eval({{ ticket.subject }})")) == [
        ("steps.0.parameters.script", "unsafe_in_script")
    ]


# --- the queue --------------------------------------------------------------------------------------------------
def test_scripts_wait_for_their_own_worker(granted: Desk, sandbox: None) -> None:
    granted.rule(shell("echo one"))
    granted.ticket()
    granted.perform()
    assert granted.step("run").queue == "scripts" and granted.statuses() == {"run": StepStatus.PENDING}
    assert perform_due("scripts", slots=1) == 1
    assert granted.statuses() == {"run": StepStatus.SUCCEEDED}


# --- who may ----------------------------------------------------------------------------------------------------
def test_switched_off_they_are_refused_everywhere(desk: Desk, world: World, settings: Any) -> None:
    """When saved, imported, started and run."""
    settings.SCRIPTS = "sandbox"
    with working_for(desk.organization):
        script_grants.grant_scripts()
    rule = desk.rule(shell("echo {{ inputs.x }}"), trigger={"platform": "manual"})
    desk.rule(shell("echo"))
    settings.SCRIPTS = "off"
    assert problems_of(desk, shell("echo")) == [("steps.0.action", "not_available")]
    api = world.ada.api
    document = {"name": "By file", "steps": [shell("echo")]}
    answer = api.post("/api/rules/import/", {"rules": [document]}, format="json")
    assert answer.status_code == 400 and "switched off here" in answer.content.decode()
    answer = api.post(f"/api/rules/{rule.pk}/execute/", {"inputs": {"x": "1"}}, format="json")
    assert answer.status_code == 400 and "switched off here" in answer.json()["errors"][0]["detail"]
    desk.ticket()
    work(desk)
    step = desk.step("run")
    assert (step.status, step.error_class) == (StepStatus.FAILED, "Forbidden") and "switched off" in step.error
    with working_for(desk.organization):
        interventions.start(rule, {"x": "1"})
    work(desk)
    assert desk.step("run").status == StepStatus.FAILED


def test_without_a_grant_of_its_own_an_organization_runs_none(granted: Desk, world: World) -> None:
    with working_for(world.bo.organization):
        assert "not granted to this organization" in str(script_grants.why_not())
    rule = granted.rule(shell("echo"), trigger={"platform": "manual"})
    with working_for(granted.organization):
        assert script_grants.why_not() is None
        assert script_grants.revoke_scripts() and not script_grants.revoke_scripts()
    answer = world.ada.api.post(f"/api/rules/{rule.pk}/execute/", {}, format="json")
    assert answer.status_code == 400 and "not granted" in answer.json()["errors"][0]["detail"]
    assert problems_of(granted, shell("echo")) == [("steps.0.action", "not_available")]


def test_a_machine_without_a_sandbox_runs_none(granted: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_available", set())
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name, path: None)
    granted.rule(shell("echo"))
    granted.ticket()
    work(granted)
    step = granted.step("run")
    assert (step.status, step.error_class) == (StepStatus.FAILED, "SandboxUnavailable")
    assert "apt-get install bubblewrap" in step.error


def test_on_the_host_they_run_as_we_do(granted: Desk, settings: Any) -> None:
    settings.SCRIPTS = "host"
    granted.rule(shell("id -u"))
    granted.ticket()
    work(granted)
    assert granted.output("run")["stdout"] == f"{os.geteuid()}\n"


def test_the_values_are_not_the_authors_to_write(granted: Desk) -> None:
    step = shell("echo", parameters={"values": {"SO_1": "x"}})
    assert problems_of(granted, step) == [("steps.0.parameters.values", "read_only")]


def test_a_script_that_is_not_there_yet_is_a_warning(granted: Desk, world: World) -> None:
    answer = world.ada.api.post("/api/rules/", {"name": "Later", "steps": [shell("./scripts/later.sh")]}, format="json")
    assert answer.status_code == 201
    assert "no script 'later.sh' yet" in str(answer.json()["warnings"])


# --- secrets ----------------------------------------------------------------------------------------------------
def secret(desk: Desk, *hosts: str) -> None:
    with working_for(desk.organization):
        variables.create(Wish("KEY", KEY, is_secret=True, hosts=hosts))


def test_a_secret_is_given_in_the_environment_and_masked_in_what_is_told(granted: Desk, sandbox: None) -> None:
    secret(granted, "api.example.com")
    script = 'echo "$TOKEN {{ env.KEY }}" | tee /dev/stderr; exit 1'
    granted.rule(shell(script, parameters={"env": {"TOKEN": "{{ env.KEY }}"}}))
    granted.ticket()
    work(granted)
    with working_for(granted.organization):
        content = StepContent.objects.get(step=granted.step("run"))
        step = Step.objects.get(pk=content.pk)
    assert KEY not in f"{content.parameters} {content.output} {step.error}"
    assert content.output["error"]["stdout"] == f"{MASK} {MASK}\n"


def test_with_the_network_only_secrets_for_granted_hosts(granted: Desk, sandbox: None) -> None:
    secret(granted, "api.example.com", "other.example.com")
    step = shell("true", parameters={"env": {"TOKEN": "{{ env.KEY }}"}})
    rule = granted.rule(step)
    with working_for(granted.organization):
        script_grants.grant_scripts(network=True, hosts=["api.example.com"])
    assert problems_of(granted, step) == [("steps.0.parameters.env.TOKEN", "secret_not_allowed")]
    granted.ticket()
    work(granted)
    assert granted.step("run").error_class == "Forbidden" and "scripts have the network" in granted.step("run").error
    with working_for(granted.organization):
        script_grants.grant_scripts(network=True, hosts=["api.example.com", "https://other.example.com"])
        interventions.start(rule, {})
    work(granted)
    assert granted.step("run").status == StepStatus.SUCCEEDED
    assert problems_of(granted, step) == []


def test_a_secret_is_no_argument(granted: Desk) -> None:
    secret(granted, "api.example.com")
    assert problems_of(granted, python(script="pass", args=["{{ env.KEY }}"])) == [
        ("steps.0.parameters.args.0", "secret_not_allowed")
    ]
    # One that was no secret when its rule was saved is refused when it runs.
    with working_for(granted.organization):
        variables.create(Wish("LATER", "plain-text-12345"))
    granted.rule(python(script="pass", args=["--key={{ env.LATER }}"]))
    with working_for(granted.organization):
        row = variables.Variable.objects.get(name="LATER")
        variables.change(row, Wish("LATER", KEY, is_secret=True, hosts=("api.example.com",)))
    granted.ticket()
    work(granted)
    assert granted.step("run").error_class == "Forbidden" and "not as an argument" in granted.step("run").error


# --- grants -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"hosts": ["api.example.com"]}, "Hosts are for scripts with the network"),
        ({"network": True, "hosts": ["https://a/b"]}, "is no host"),
        ({"read_only_dirs": ["srv"]}, "absolute path"),
        ({"read_only_dirs": ["/"]}, "absolute path"),
        ({"read_only_dirs": ["/srv/../etc"]}, "absolute path"),
        ({"read_only_dirs": ["/srv/"]}, "absolute path"),
        ({"read_only_dirs": ["/proc/1"]}, "belongs to the system"),
        ({"secret_files": ["/dev/mem"]}, "belongs to the system"),
        ({"interpreters": ["ruby"]}, "There are: bash, sh, python3"),
    ],
)
def test_what_cannot_be_granted(desk: Desk, wish: dict[str, Any], why: str) -> None:
    with working_for(desk.organization), pytest.raises(ValidationError) as caught:
        script_grants.grant_scripts(**wish)
    assert why in " ".join(caught.value.messages)


def test_nothing_of_ours_can_be_granted(desk: Desk, settings: Any) -> None:
    kept = settings.DATA_DIR
    for wish in (
        {"read_only_dirs": [str(kept)]},
        {"read_only_dirs": [str(kept.parent)]},
        {"secret_files": [f"{kept}/runtime.env"]},
    ):
        with working_for(desk.organization), pytest.raises(ValidationError, match="what SupportOps keeps"):
            script_grants.grant_scripts(**wish)
