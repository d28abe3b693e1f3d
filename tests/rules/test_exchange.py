"""Rules as files: what a text would do, does, and gives back."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from rules import exchange
from rules.exchange import NotReadable
from rules.models import Rule, Run
from supportops.jobs import running
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = """
name: Tell the team
description: |
  Urgent ones.
  All of them.
trigger: {platform: freshdesk, event: ticket_created, conditions: {priority: 4}}
steps:
  - id: tell
    action: http_request
    parameters: {url: "https://tools.example.com/{{ ticket.id }}", method: POST}
---
# a playbook as people write them: steps alone
name: Restart
steps:
  - action: http_request
    parameters: {url: "https://tools.example.com/restart"}
"""
BROKEN = (
    TEXT
    + """---
name: Broken
steps:
  - id: a
    action: http_request
    parameters:
      url: "https://x.example/{{ nope.id }}"
"""
)


def sent(world: World, text: str, query: str = "", content_type: str = "application/yaml") -> Any:
    return world.ada.api.generic("POST", f"/api/rules/import{query}", text, content_type=content_type)


def taken_in(world: World, text: str, query: str = "") -> Any:
    answer = sent(world, text, query)
    assert answer.status_code == 202, answer.content
    running.work_due()
    job = world.ada.api.get(f"/api/jobs/{answer.json()['job']}/").json()
    assert job["status"] == "succeeded", job
    return job["result"]


def exported(world: World, query: str = "") -> str:
    answer = world.ada.api.get(f"/api/rules/export{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def names(world: World) -> list[str]:
    return [rule["name"] for rule in world.ada.api.get("/api/rules/").json()["results"]]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(world: World) -> None:
    plan = sent(world, TEXT, "?dry_run=1").json()
    assert plan["valid"] is True
    assert [(rule["name"], rule["action"]) for rule in plan["rules"]] == [
        ("Tell the team", "created"), ("Restart", "created")
    ]  # fmt: skip
    assert names(world) == []


def test_what_is_taken_in_again_is_unchanged_and_what_differs_is_a_new_version(world: World) -> None:
    assert taken_in(world, TEXT) == {"created": 2, "changed": 0, "unchanged": 0}
    assert taken_in(world, TEXT) == {"created": 0, "changed": 0, "unchanged": 2}
    other = TEXT.replace("priority: 4", "priority: 3").replace("restart", "again")
    [told, restart] = sent(world, other, "?dry_run=1").json()["rules"]
    assert (told["changes"], restart["changes"]) == (["trigger.conditions.priority"], ["steps.0.parameters.url"])
    assert taken_in(world, other)["changed"] == 2
    with working_for(world.ada.organization):
        assert set(Rule.objects.values_list("version", flat=True)) == {2}
        assert not Run.objects.exists()


def test_the_round_trip_is_stable(world: World) -> None:
    taken_in(world, TEXT)
    for form in ("yaml", "json"):
        text = exported(world, f"?format={form}")
        assert taken_in(world, text)["unchanged"] == 2
        assert exported(world, f"?format={form}") == text
    assert "Urgent ones.\n  All of them." in exported(world)
    assert "name: Restart" in exported(world, "?name=Restart")


def test_it_lands_disabled_on_request(world: World) -> None:
    taken_in(world, TEXT, "?disabled=1")
    assert {rule["enabled"] for rule in world.ada.api.get("/api/rules/").json()["results"]} == {False}


def test_a_list_an_object_of_rules_and_json_are_taken_too(world: World) -> None:
    rule = {"name": "One", "steps": [{"action": "http_request", "parameters": {"url": "https://a.example"}}]}
    emoji = {**rule, "name": "Two \U0001f600"}
    for text in (json.dumps(rule), json.dumps([rule, emoji]), json.dumps({"rules": [rule, emoji]})):
        taken_in(world, text)
    assert names(world) == ["Two \U0001f600", "One"] or names(world) == ["One", "Two \U0001f600"]


def test_problems_have_their_place_and_line_and_nothing_is_taken(world: World) -> None:
    answer = sent(world, BROKEN)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["attr"]) == (400, "rules.2.steps.0.parameters.url")
    assert "(in line 23 of the text)" in error["detail"]
    assert names(world) == []
    plan = sent(world, BROKEN, "?dry_run=1").json()
    assert plan["valid"] is False
    assert plan["rules"][2]["problems"][0]["line"] == 23


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rule document"),
        ("--- \n---\n", "no rule document"),
        ("name: [", "line"),
        ('{"name": ', "line 1"),
        ("a: &a [*a]", "within"),
        ("name: A\nname: B", "twice (line 2)"),
        ("x" * (4 * 1024 * 1024 + 1), "larger than 4 MiB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(world: World, text: str, words: str) -> None:
    answer = sent(world, text)
    assert answer.status_code in (400, 413)
    assert words in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("text", "attr"),
    [
        ("just a text", "rules.0"),
        ("[1, 2]", "rules.0"),
        ("steps: [{action: http_request, parameters: {url: 'https://a.example'}}]", "rules.0.name"),
        (
            TEXT + "---\nname: Restart\nsteps: [{action: http_request, parameters: {url: 'https://a.ex'}}]",
            "rules.2.name",
        ),
        ("name: A\nsteps: [{1: 2}]", "rules.0.steps.0"),
    ],
)
def test_what_is_no_rule_is_told_with_its_place(world: World, text: str, attr: str) -> None:
    answer = sent(world, text)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_an_odd_body_or_query_is_a_clear_refusal(world: World) -> None:
    latin = world.ada.api.generic("POST", "/api/rules/import", b"name: \xe9", content_type="text/yaml")
    assert (latin.status_code, "UTF-8" in latin.json()["errors"][0]["detail"]) == (400, True)
    assert sent(world, TEXT, "?dry_run=maybe").json()["errors"][0]["attr"] == "dry_run"
    assert world.ada.api.get("/api/rules/export?format=xml").json()["errors"][0]["attr"] == "format"
    assert world.ada.api.get("/api/rules/export?name=Nobody").json()["errors"][0]["attr"] == "name"


def test_another_organization_has_its_own_rule_of_that_name(world: World) -> None:
    taken_in(world, TEXT)
    answer = world.bo.api.generic("POST", "/api/rules/import?dry_run=1", TEXT, content_type="application/yaml")
    assert {rule["action"] for rule in answer.json()["rules"]} == {"created"}
    assert world.bo.api.get("/api/rules/export").content == b""


# --- the command ------------------------------------------------------------------------------------------------
class TestApply:
    def apply(self, *arguments: str) -> str:
        out = StringIO()
        call_command("apply", *arguments, "--organization", "ada", stdout=out, stderr=StringIO())
        return out.getvalue()

    def file(self, folder: Path, text: str, name: str = "rules.yaml") -> str:
        (folder / name).write_text(text)
        return str(folder / name)

    def test_it_prints_the_plan_and_does_it(self, world: World, tmp_path: Path) -> None:
        path = self.file(tmp_path, TEXT)
        assert "Nothing was changed" in self.apply(path, "--dry-run")
        assert names(world) == []
        assert self.apply(path).splitlines() == ["+ Tell the team", "+ Restart"]
        changed = self.file(tmp_path, TEXT.replace("priority: 4", "priority: 3"))
        assert self.apply(changed).splitlines() == ["~ Tell the team (trigger.conditions.priority)", "= Restart"]

    def test_a_playbook_without_a_name_has_its_files(self, world: World, tmp_path: Path) -> None:
        steps = "steps: [{action: http_request, parameters: {url: 'https://a.example'}}]"
        assert self.apply(self.file(tmp_path, steps, "page_the-team.yml")) == "+ page the team\n"

    def test_what_is_wrong_is_told_by_file_and_line_and_nothing_is_done(self, world: World, tmp_path: Path) -> None:
        good, bad = self.file(tmp_path, TEXT), self.file(tmp_path, "name: X\nsteps:\n- action: nope", "bad.yaml")
        with pytest.raises(CommandError) as error:
            self.apply(good, bad)
        assert f"{bad}:3: steps.0.action" in str(error.value)
        assert names(world) == []
        for text in ("name: [", ""):
            with pytest.raises(CommandError, match=r"bad\.yaml"):
                self.apply(self.file(tmp_path, text, "bad.yaml"))
        with pytest.raises(CommandError, match="cannot be read"):
            self.apply(str(tmp_path / "none.yaml"))
        with pytest.raises(CommandError, match="stands in"):
            self.apply(good, self.file(tmp_path, TEXT, "copy.yaml"))


@pytest.mark.parametrize(
    ("filename", "name"), [("a/b/page_team.yaml", "page team"), ("x.JSON", "x"), ("c:\\y-z.yml", "y z")]
)
def test_names_of_files(filename: str, name: str) -> None:
    assert exchange.name_of_file(filename) == name


def test_too_many_documents_are_refused() -> None:
    with pytest.raises(NotReadable, match="at most 1000"):
        exchange.read("\n---\n".join(f"name: r{number}" for number in range(1001)))
