"""The gallery: what its files say, what parameters do, and each template tried on the samples of its platforms."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations import registry
from rules import authoring, calendars, gallery, installing, trial
from rules.compiled import compiled_version
from rules.gallery import Template, template_of
from rules.models import Rule, RuleVersion
from rules.problems import Refused
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World

TEMPLATES = gallery.templates()
# What a template needs beside its defaults, and what makes the samples of its platforms fit.
GIVEN: dict[str, dict[str, Any]] = {
    "vip-page-on-call": {"tags": ["billing"]},
    "bug-ticket-jira": {"tag": "refund"},
    "alert-ticket": {"email": "alerts@acme.example"},
    "escalate-command": {"email": "ops@acme.example"},
    "telegram-ticket": {"email": "ops@acme.example"},
    "ticket-log-sheet": {"spreadsheet": "1AbC-0123456789abcdefghijklmnopqrstuvwxyzABCD"},
}


# --- placeholders -----------------------------------------------------------------------------------------------
def small(steps: Any, **parameters: Mapping[str, Any]) -> Template:
    head = {"title": "Small", "parameters": parameters}
    return template_of({"template": head, "rules": [{"name": "Small", "steps": steps}]}, "small")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("[[ it ]]", ["a", "b"], ["a", "b"]),
        ("[[ it ]]", 5, 5),
        ("to [[ it ]]!", "#ops", "to #ops!"),
        ("[[ it ]]h", 4, "4h"),
        ("in [[ it ]]", ["a", "b"], "in a, b"),
        ("{{ ticket.tag in [[ it ]] }}", ["a", 'b"'], '{{ ticket.tag in ["a", "b\\""] }}'),
        ("{{ x == [[ it ]] }} [[ it ]]", "' || true || '", "{{ x == \"' || true || '\" }} ' || true || '"),
        ("[[1, 2]] [[it]] [[ other", "x", "[[1, 2]] [[it]] [[ other"),
    ],
)
def test_a_placeholder_becomes_what_fits_its_place(text: str, value: Any, expected: Any) -> None:
    template = small([{"a": text}], it={"title": "It"})
    [document] = gallery.documents(template, {"it": value})
    assert document["steps"] == [{"a": expected}]


def test_parts_for_other_values_are_left_out() -> None:
    steps = [{"only_for": {"it": "a"}, "id": "a"}, {"only_for": {"it": "b"}, "id": "b"}, {"id": "c"}]
    template = small(steps, it={"title": "It"})
    assert gallery.documents(template, {"it": "a"})[0]["steps"] == [{"id": "a"}, {"id": "c"}]
    assert gallery.documents(template, {"it": ["a", "b"]})[0]["steps"] == [{"id": "a"}, {"id": "b"}, {"id": "c"}]


def test_everything_wrong_with_parameters_is_told_at_its_place() -> None:
    with pytest.raises(Refused) as refused:
        gallery.checked(gallery.template("alert-ticket"), {"severities": 5, "colour": "red"})
    assert {(problem.attr, problem.code) for problem in refused.value.problems} == {
        ("parameters.email", "required"),
        ("parameters.severities", "invalid"),
        ("parameters.colour", "invalid"),
    }
    with pytest.raises(Refused, match="'low', 'medium', 'high' or 'urgent'"):
        gallery.checked(TEMPLATES["urgent-ticket-slack"], {"priorities": ["urgent", "deadly"]})


def test_an_environment_is_one_that_there_is() -> None:
    template = TEMPLATES["deployment-compliance"]
    assert gallery.checked(template, {}, ["dev", "prod"])["environment"] == "prod"
    with pytest.raises(Refused, match="required"):
        gallery.checked(template, {}, ["live", "test"])
    assert gallery.checked(template, {"environment": "live"}, ["live", "test"])["environment"] == "live"


# --- what is shipped --------------------------------------------------------------------------------------------
def test_there_is_something_for_everybody() -> None:
    assert len([key for key in TEMPLATES if not key.startswith("deployment-")]) >= 10
    assert {template.group for template in TEMPLATES.values()} == {
        "Alerts", "Deployments", "Development", "Reports", "Tickets"
    }  # fmt: skip


@pytest.mark.parametrize("key", list(TEMPLATES))
def test_a_template_says_what_it_is(key: str) -> None:
    template = TEMPLATES[key]
    assert template.description.endswith(".") and not template.title.endswith(".")
    assert all(registry.get(platform) for platform in template.platforms if platform != "schedule")
    used = set(gallery.placeholders(template))
    assert used == set(template.parameters), "each parameter stands somewhere, and nothing else does"


@pytest.mark.django_db
@pytest.mark.parametrize("key", list(TEMPLATES))
def test_a_template_becomes_rules_that_do_something_with_the_samples(world: World, key: str) -> None:
    template = TEMPLATES[key]
    # When the samples happened: some templates count from then.
    with clock.frozen(datetime(2026, 11, 20, 12, tzinfo=UTC)), working_for(world.ada.organization):
        week = {"friday": [{"from": "09:00", "to": "17:00"}]}
        calendars.create(calendars.Wish("office", "UTC", week, is_default=True))
        installed = installing.install(template, GIVEN.get(key, {}), name="Mine")
        names = [rule["name"] for rule in template.rules]
        wanted = ["Mine"] if len(names) == 1 else [f"Mine: {name}" for name in names]
        assert [rule.name for rule, _ in installed] == wanted
        assert not any(rule.is_enabled for rule, _ in installed)
        for rule, warnings in installed:
            assert all("integration yet" in warning for warning in warnings), warnings
            check_trial(rule)


def check_trial(rule: Rule) -> None:
    """Try a rule on the sample of each event that it listens to; what a step needs of an earlier one it may lack."""
    compiled = compiled_version(authoring.live_version(rule).pk)
    trigger = compiled.document.trigger
    if not trigger.events:
        first = trial.try_by_hand(compiled, rule_name=rule.name, organization={}).steps[0]
        assert first["would_run"] and first["error"] is None
        return
    for name in trigger.events:
        found = trial.try_rule(
            compiled, trial.sample_event(trigger.platform, [name]), trigger.platform, organization={}
        )
        assert found.matched, found.explanation
        for step in found.steps:
            text = str(compiled.step(step["id"]).parameters) + str(compiled.document.model_dump()["steps"])
            assert step["error"] is None or "steps." in text, step
        # A rule whose first step waits for what the sample lacks does nothing with it, and says so.
        assert any(step["would_run"] and step["error"] is None for step in found.steps) or rule.name.endswith(
            ("move their Trello cards", "a setup", "a teardown")
        ), found.steps


@pytest.mark.django_db
def test_all_rules_of_a_template_are_made_or_none(world: World) -> None:
    template = TEMPLATES["ticket-trello-card"]
    with working_for(world.ada.organization):
        authoring.create(
            {
                "name": template.rules[1]["name"],
                "steps": [{"action": "http_request", "parameters": {"url": "https://x.example"}}],
            }
        )
        with pytest.raises(Refused, match="another rule named"):
            installing.install(template, {})
        assert Rule.objects.count() == RuleVersion.objects.count() == 1


# --- the API ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_api_lists_templates_with_the_schema_of_their_parameters(world: World) -> None:
    shown = world.ada.api.get("/api/rules/templates/").json()
    assert [item["key"] for item in shown["results"]] == list(TEMPLATES)
    one = world.ada.api.get("/api/rules/templates/deployment-compliance").json()
    assert one["parameters"]["properties"]["environment"]["enum"] == ["dev", "staging", "prod"]
    assert (one["platforms"], one["rules"]) == (["custom", "compliance"], ["Deployments pass compliance"])
    assert world.ada.api.get("/api/rules/templates/nothing/").status_code == 404


@pytest.mark.django_db
def test_the_api_makes_rules_disabled_unless_asked(world: World) -> None:
    place = "/api/rules/templates/urgent-ticket-slack"
    body = {"name": "Mine", "parameters": {"channel": "#a", "priorities": ["high", "urgent"]}}
    answer = world.ada.api.post(place, body, format="json")
    assert answer.status_code == 201, answer.content
    [made] = answer.json()["rules"]
    assert (made["name"], made["enabled"], made["version"]) == ("Mine", False, 1)
    assert made["trigger"]["conditions"] == {"priority_name": {"in": ["high", "urgent"]}}
    assert world.ada.api.get(f"/api/rules/{made['id']}/").json()["steps"][0]["parameters"]["channel"] == "#a"
    assert world.bo.api.get(f"/api/rules/{made['id']}/").status_code == 404
    enabled = world.ada.api.post(place, {"name": "Live", "enabled": True}, format="json").json()
    assert enabled["rules"][0]["enabled"] is True


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "body", "attr", "code"),
    [
        ("alert-ticket", {}, "parameters.email", "required"),
        ("alert-ticket", {"parameters": {"email": 5}}, "parameters.email", "invalid"),
        ("alert-ticket", {"parameters": []}, "parameters", "not_a_dict"),
        ("alert-ticket", {"colour": "red"}, "colour", "unknown_field"),
        ("nightly-digest", {"parameters": {"cron": "tomorrow"}}, "rules.0.trigger.cron", "invalid"),
        ("urgent-ticket-slack", {"parameters": {"channel": "{{ nope }}"}}, "rules.0.steps.0.parameters.channel", ""),
        ("urgent-ticket-slack", {"name": "x" * 151}, "name", "max_length"),
    ],
)
def test_the_api_says_what_is_wrong_and_where(
    world: World, key: str, body: dict[str, Any], attr: str, code: str
) -> None:
    answer = world.ada.api.post(f"/api/rules/templates/{key}/", body, format="json")
    assert answer.status_code == 400, answer.content
    errors = answer.json()["errors"]
    assert attr in [entry["attr"] for entry in errors], errors
    assert code in ("", *(entry["code"] for entry in errors)), errors
    assert world.ada.api.get("/api/rules/").json()["results"] == []
