"""Taking a `.env` file in: the plan, corrections, all or nothing, and no value of a secret anywhere."""

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from audit.models import AuditEntry
from rules import env_import, variables
from rules.models import Variable
from rules.problems import Refused
from rules.variables import Wish
from supportops import clock
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests.builders import World, browser, make_member

pytestmark = pytest.mark.django_db
TEXT = """# The CRM
CRM_URL=https://crm.acme.com/api
CRM_TOKEN=canary-crm-0123456789
LIMIT_PROD=5
LIMIT=10
PORT="8080"
FRESHDESK_API_KEY=canary-desk-0123456789
EMPTY=
"""
ADDRESS = "/api/variables/import"
# The only secret whose hosts nobody can guess.
FIX = [{"line": 7, "hosts": ["acme.freshdesk.com"]}]


def stored(world: World) -> dict[tuple[str, str | None], Any]:
    with working_for(world.ada.organization):
        rows = Variable.objects.select_related("environment")
        return {
            (row.name, row.environment.name if row.environment else None): row.secret.open()
            if row.is_secret
            else row.value
            for row in rows
        }


WRITTEN = {
    ("CRM_URL", None): "https://crm.acme.com/api",
    ("CRM_TOKEN", None): "canary-crm-0123456789",
    ("LIMIT", "prod"): 5,
    ("LIMIT", None): 10,
    ("PORT", None): "8080",
    ("FRESHDESK_API_KEY", None): "canary-desk-0123456789",
}


class TestApi:
    def post(self, world: World, body: Any, query: str = "", **options: Any) -> Any:
        options = options or ({"format": "json"} if isinstance(body, dict) else {"content_type": "text/plain"})
        return world.ada.api.post(ADDRESS + query, body, **options)

    def test_a_plan_says_what_each_line_becomes_and_writes_nothing(self, world: World) -> None:
        answer = self.post(world, TEXT, "?dry_run=1")
        assert answer.status_code == 200, answer.content
        assert "canary" not in answer.content.decode()
        by_name = {item["name_in_file"]: item for item in answer.json()["variables"]}
        assert answer.json()["valid"] is False and stored(world) == {}
        token = by_name["CRM_TOKEN"]
        assert (token["secret"], token["hosts"], token["line"]) == (True, ["crm.acme.com"], 3)
        assert (by_name["LIMIT_PROD"]["name"], by_name["LIMIT_PROD"]["environment"]) == ("LIMIT", "prod")
        assert by_name["EMPTY"]["action"] == "skipped"
        key = by_name["FRESHDESK_API_KEY"]
        assert key["problems"][0]["attr"] == "hosts" and "a credential of Freshdesk" in key["notes"][0]

    def test_what_is_confirmed_is_written_and_again_is_unchanged(self, world: World) -> None:
        answer = self.post(world, {"text": TEXT, "variables": FIX})
        assert answer.status_code == 200 and answer.json()["valid"], answer.content
        assert stored(world) == WRITTEN
        again = self.post(world, {"text": TEXT, "variables": FIX}).json()["variables"]
        assert {item["action"] for item in again} == {"unchanged", "skipped"}
        more = self.post(world, {"text": TEXT.replace("canary-crm", "other-crm"), "variables": FIX}).json()
        assert [item["name_in_file"] for item in more["variables"] if item["action"] == "changed"] == ["CRM_TOKEN"]
        with working_for(world.ada.organization):
            entries = list(AuditEntry.objects.order_by("pk"))
        assert "canary" not in str([entry.changes for entry in entries])
        imported = [entry for entry in entries if entry.action == "variables.imported"]
        assert imported[0].changes["created"] == [name for name, _ in WRITTEN] and len(imported) == 3

    def test_nothing_is_half_imported(self, world: World) -> None:
        answer = self.post(world, TEXT)
        error = answer.json()["errors"][0]
        assert answer.status_code == 400 and error["attr"] == "variables.5.hosts"
        assert error["detail"].startswith("Line 7 (FRESHDESK_API_KEY): Say where")
        assert stored(world) == {}

    def test_a_person_corrects(self, world: World) -> None:
        corrections = [
            {"line": 7, "skip": True},
            {"line": 3, "name": "TOKEN", "hosts": ["other.example"], "environment": "dev"},
            {"line": 4, "name": "LIMIT_PROD", "environment": None},
            {"line": 8, "skip": False, "secret": False},
            {"line": 5, "secret": True, "hosts": ["a.example"]},
        ]
        answer = self.post(world, {"text": TEXT, "variables": corrections})
        assert answer.status_code == 200, answer.content
        there = stored(world)
        assert there["TOKEN", "dev"] == "canary-crm-0123456789" and there["LIMIT_PROD", None] == 5
        assert (there["EMPTY", None], there["LIMIT", None]) == ("", "10")
        assert ("FRESHDESK_API_KEY", None) not in there

    @pytest.mark.parametrize(
        ("body", "attr"),
        [
            ({"text": "A=1\nB"}, "text"),
            ({"text": "A=1", "variables": [{"line": 9}]}, "variables"),
            ({"text": "A=1", "variables": [{"line": 1}, {"line": 1}]}, "variables.1.line"),
            ({"text": "A=1", "variables": [{"line": 1, "name": "9"}]}, "variables.0.name"),
            ({"text": "A=1", "variables": [{"line": 1, "environment": "moon"}]}, "variables.0.environment"),
            ({"text": "A=1\nB=2", "variables": [{"line": 2, "name": "A"}]}, "variables.1.name"),
            ({"text": "T_KEY=x", "variables": [{"line": 1, "hosts": ["a/b"]}]}, "variables.0.hosts.0"),
            ({"variables": []}, "text"),
            ({"text": 5.5, "variables": 3}, "variables"),
        ],
    )
    def test_what_is_wrong_is_named(self, world: World, body: dict[str, Any], attr: str) -> None:
        answer = self.post(world, body)
        assert answer.status_code == 400, answer.content
        assert attr in [error["attr"] for error in answer.json()["errors"]], answer.content
        assert stored(world) == {}

    def test_a_file_of_a_form_is_taken_too(self, world: World) -> None:
        body = {"file": ContentFile(b"\xef\xbb\xbfA=1\r\n", ".env")}
        assert self.post(world, body, format="multipart").status_code == 200
        assert stored(world) == {("A", None): 1}

    def test_what_is_no_utf8_is_told_with_its_line(self, world: World) -> None:
        answer = self.post(world, b"A=1\nB=\xff", content_type="text/plain")
        assert answer.status_code == 400 and "line 2" in answer.json()["errors"][0]["detail"]

    def test_a_stored_secret_keeps_its_hosts_and_stays_one(self, world: World) -> None:
        with working_for(world.ada.organization):
            variables.create(Wish("PLAIN", "old-value-0", is_secret=True, hosts=("kept.example",)))
            [item] = env_import.plan("PLAIN=new-value-1")
            assert (item.is_secret, item.hosts, item.action) == (True, ("kept.example",), "changed")
            [item] = env_import.plan("PLAIN=new-value-1", {1: {"secret": False}})
            assert "would be readable" in item.notes[0]

    def test_what_somebody_made_in_between_undoes_all(self, world: World) -> None:
        with working_for(world.ada.organization):
            planned = env_import.plan("A=1\nB=2")
            variables.create(Wish("B", 3))
            with pytest.raises(Refused):
                env_import.take_in(planned)
        assert stored(world) == {("B", None): 3}


class TestAdmin:
    PAGE = "/admin/rules/variable/import/"

    def filled(self, page: str) -> dict[str, str]:
        """Return what a browser would send of a page as it stands."""
        fields = {}
        for tag in re.findall(r"<input[^>]*>", page):
            found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            is_box = found.get("type") == "checkbox"
            if "name" in found and (not is_box or re.search(r"\schecked(?=[\s>/])", tag)):
                fields[found["name"]] = found.get("value", "on" if is_box else "")
        for name, inside in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', page, re.S):
            chosen = re.search(r'<option value="([^"]*)" selected', inside)
            fields[name] = chosen[1] if chosen else ""
        return fields

    def test_the_plan_is_shown_corrected_and_confirmed_and_names_no_value(self, world: World) -> None:
        client = browser(world.ada.owner)
        assert "Import a .env file" in client.get("/admin/rules/variable/").content.decode()
        plan = client.post(self.PAGE, {"upload": ContentFile(TEXT.encode(), ".env")}, format="multipart")
        page = plan.content.decode()
        assert "canary" not in page and "crm.acme.com" in page and "no-store" in plan["cache-control"]
        assert "a credential of Freshdesk" in page
        fields = self.filled(page)
        again = client.post(self.PAGE, fields, format="multipart").content.decode()
        assert "Say where the secret may be sent" in again and stored(world) == {} and "canary" not in again
        fields["line7-hosts"] = "acme.freshdesk.com, https://acme2.freshdesk.com"
        done = client.post(self.PAGE, fields, format="multipart", follow=True)
        assert "6 variables were written" in done.content.decode()
        assert stored(world) == WRITTEN

    def test_pasted_text_with_problems_is_told_by_line(self, world: World) -> None:
        page = browser(world.ada.owner).post(self.PAGE, {"text": "A=1\nB"}, format="multipart").content.decode()
        assert "Line 2: &#x27;B&#x27; has no value" in page
        page = browser(world.ada.owner).post(self.PAGE, {"text": ""}, format="multipart").content.decode()
        assert "Choose a file, or paste its text" in page

    def test_a_plan_is_valid_for_its_person_and_half_an_hour(self, world: World) -> None:
        owner, other = browser(world.ada.owner), make_member(world.ada.organization, Role.EDITOR)
        fields = self.filled(owner.post(self.PAGE, {"text": "A=1"}, format="multipart").content.decode())
        for client, later in ((browser(other), 0), (browser(world.bo.owner), 0), (owner, 31)):
            with clock.moved(timedelta(minutes=later)):
                answer = client.post(self.PAGE, fields, format="multipart", follow=True)
            assert "given too long ago" in answer.content.decode()
        broken = owner.post(self.PAGE, {**fields, "sealed": "AAAA"}, format="multipart", follow=True)
        assert "given too long ago" in broken.content.decode()
        assert stored(world) == {}
        assert owner.post(self.PAGE, fields, format="multipart").status_code == 302
        assert stored(world) == {("A", None): 1}

    def test_a_viewer_may_not(self, world: World) -> None:
        client = browser(make_member(world.ada.organization, Role.VIEWER))
        assert client.get(self.PAGE).status_code == 403
        assert "Import a .env file" not in client.get("/admin/rules/variable/").content.decode()


class TestCommand:
    def run(self, path: Path, *options: str) -> str:
        out = StringIO()
        call_command("import_env", str(path), "--organization", "ada", *options, stdout=out, stderr=out)
        return out.getvalue()

    def test_a_dry_run_then_the_import(self, world: World, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_text(TEXT, encoding="utf-8")
        told = self.run(path, "--dry-run")
        assert "+ CRM_TOKEN secret for crm.acme.com" in told and "+ LIMIT [prod]" in told and "- EMPTY" in told
        assert "canary" not in told and stored(world) == {}
        with pytest.raises(CommandError, match="Line 7"):
            self.run(path)
        assert stored(world) == {}
        self.run(path, "--host", "FRESHDESK_API_KEY=acme.freshdesk.com", "--skip", "PORT", "--environment", "dev")
        assert stored(world)["LIMIT", "dev"] == 10 and stored(world)["LIMIT", "prod"] == 5
        assert ("PORT", "dev") not in stored(world)

    @pytest.mark.parametrize("options", [("--skip", "NOBODY"), ("--host", "CRM_TOKEN")])
    def test_bad_options_are_told(self, world: World, tmp_path: Path, options: tuple[str, str]) -> None:
        path = tmp_path / ".env"
        path.write_text(TEXT, encoding="utf-8")
        with pytest.raises(CommandError):
            self.run(path, *options)
        with pytest.raises(CommandError, match="cannot be read"):
            self.run(tmp_path / "none")
