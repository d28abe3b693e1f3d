"""An organization's own scripts, and the operator's grant: the API, the admin, the command."""

import os
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEntry
from integrations.checks import check_sandbox
from integrations.connectors.shell.schemas import ShellScript
from integrations.models import Script, ScriptGrant
from integrations.sandbox import bubblewrap
from integrations.script_grants import granted_for
from supportops.tenancy.scope import working_for
from tests import builders
from tests.belongings import created
from tests.builders import World, browser

pytestmark = pytest.mark.django_db

ANALYZE = {"name": "analyze.py", "language": "python", "text": "print(1)\n"}


def actions(organization: Any) -> list[str]:
    with working_for(organization):
        return list(
            AuditEntry.objects.filter(action__startswith="script").order_by("id").values_list("action", flat=True)
        )


# --- the organization's own -------------------------------------------------------------------------------------
def test_a_script_is_kept_changed_and_deleted(world: World) -> None:
    api = world.ada.api
    made = created(api, "/api/scripts/", ANALYZE)
    place = f"/api/scripts/{made['id']}/"
    assert api.get(place).json()["text"] == "print(1)\n"
    assert api.get("/api/scripts/?name=analyze.py").json()["results"][0]["id"] == made["id"]
    changed = api.patch(place, {"text": " print(2)"}, format="json").json()
    assert (changed["text"], changed["name"]) == (" print(2)", "analyze.py")
    assert api.delete(place).status_code == 204 and api.get(place).status_code == 404
    assert actions(world.ada.organization) == ["script.created", "script.changed", "script.deleted"]
    with working_for(world.ada.organization):
        assert "print" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


@pytest.mark.parametrize(
    ("wish", "attr"),
    [
        ({"name": "../etc/passwd"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": ".hidden"}, "name"),
        ({"language": "ruby"}, "language"),
        ({"text": ""}, "text"),
        ({"text": "x" * (256 * 1024 + 1)}, "text"),
        ({"text": "a\0b"}, "text"),
    ],
)
def test_what_is_no_script_is_refused(world: World, wish: dict[str, Any], attr: str) -> None:
    answer = world.ada.api.post("/api/scripts/", {**ANALYZE, **wish}, format="json")
    assert (answer.status_code, {error["attr"] for error in answer.json()["errors"]}) == (400, {attr})


def test_names_are_unique_in_an_organization(world: World) -> None:
    for tenant in (world.ada, world.bo):
        created(tenant.api, "/api/scripts/", ANALYZE)
    answer = world.ada.api.post("/api/scripts/", ANALYZE, format="json")
    assert answer.json()["errors"][0]["code"] == "not_unique"


def test_the_admin_keeps_scripts_too(world: World) -> None:
    client = browser(world.ada.owner)
    add = "/admin/integrations/script/add/"
    given = {"name": "report.sh", "language": "shell", "text": "echo 1\r\necho 2\r\n"}
    assert client.post(add, given, format="multipart").status_code == 302
    with working_for(world.ada.organization):
        row = Script.objects.get(name="report.sh")
    assert row.text == "echo 1\necho 2\n"
    change = f"/admin/integrations/script/{row.pk}/change/"
    assert "echo 2" in client.get(change).content.decode()
    assert client.post(change, {**given, "name": "other.sh"}, format="multipart").status_code == 302
    assert client.post(change, {**given, "name": "../x"}, format="multipart").status_code == 200
    assert (
        client.post(f"/admin/integrations/script/{row.pk}/delete/", {"post": "yes"}, format="multipart").status_code
        == 302
    )
    assert actions(world.ada.organization) == ["script.created", "script.changed", "script.deleted"]


# --- the operator's grant ---------------------------------------------------------------------------------------
def test_the_command_grants_and_revokes(world: World, settings: Any, tmp_path: Any) -> None:
    out = StringIO()
    slug = world.ada.organization.slug
    folder = str(tmp_path)
    call_command(
        "grant_scripts", slug, "--network", "--hosts", "api.example.com", "--read-only-dirs", folder,
        "--interpreters", "bash", stdout=out,
    )  # fmt: skip
    assert "switched off on this installation" in out.getvalue()
    settings.SCRIPTS = "sandbox"
    with working_for(world.ada.organization):
        granted = granted_for(ShellScript(script="true"))
    assert granted is not None
    assert (granted.access.has_network, granted.access.read_only_dirs, granted.secret_hosts, granted.interpreters) == (
        True, (folder,), ("api.example.com",), {"bash": "/bin/bash"}
    )  # fmt: skip
    call_command("grant_scripts", slug, stdout=out)
    with working_for(world.ada.organization):
        grant = ScriptGrant.objects.get()
    assert (grant.has_network, grant.hosts, grant.read_only_dirs, grant.interpreters) == (False, [], [], [])
    call_command("grant_scripts", slug, "--revoke", stdout=out)
    call_command("grant_scripts", slug, "--revoke", stdout=out)
    assert out.getvalue().endswith("Revoked.\nThere was nothing to revoke.\n")
    assert actions(world.ada.organization) == ["script.granted", "script.granted", "script.grant_revoked"]
    with working_for(world.bo.organization):
        assert not ScriptGrant.objects.exists()


def test_the_command_says_what_is_wrong(world: World) -> None:
    with pytest.raises(CommandError, match="no organization 'nobody'"):
        call_command("grant_scripts", "nobody")
    with pytest.raises(CommandError, match="absolute path"):
        call_command("grant_scripts", world.ada.organization.slug, "--secret-files", "id_rsa")


def test_the_grant_is_the_operators_page_alone(world: World) -> None:
    pages = ("/admin/integrations/scriptgrant/", "/admin/integrations/scriptgrant/add/")
    assert [browser(world.ada.owner).get(page).status_code for page in pages] == [403, 403]
    operator = browser(builders.make_user(is_superuser=True), world.ada.organization)
    given = {
        "has_network": "on",
        "hosts_lines": "api.example.com",
        "dirs_lines": "",
        "files_lines": "",
        "interpreters_lines": "",
    }
    assert "is no host" in operator.post(pages[1], {**given, "hosts_lines": "a/b"}, format="multipart").content.decode()
    assert operator.post(pages[1], given, format="multipart").status_code == 302
    with working_for(world.ada.organization):
        grant = ScriptGrant.objects.get()
    assert (grant.has_network, grant.hosts) == (True, ["api.example.com"])
    assert "has a grant already" in operator.post(pages[1], given, format="multipart").content.decode()
    place = f"/admin/integrations/scriptgrant/{grant.pk}"
    assert browser(world.ada.owner).get(f"{place}/change/").status_code in (302, 403)
    assert operator.post(f"{place}/change/", {"interpreters_lines": "sh"}, format="multipart").status_code == 302
    with working_for(world.ada.organization):
        assert ScriptGrant.objects.get().interpreters == ["sh"]
    assert operator.post(f"{place}/delete/", {"post": "yes"}, format="multipart").status_code == 302
    assert actions(world.ada.organization) == ["script.granted", "script.granted", "script.grant_revoked"]


def test_every_page_says_that_scripts_run_on_the_host(world: World, settings: Any) -> None:
    client = browser(world.ada.owner)
    pages = ("/admin/", "/admin/rules/rule/", "/admin/integrations/script/add/", "/admin/tenancy/environment/")
    assert not any("without a sandbox" in client.get(page).content.decode() for page in pages)
    settings.SCRIPTS = "host"
    assert all("Scripts run on this machine without a sandbox" in client.get(page).content.decode() for page in pages)


def test_a_machine_without_the_sandbox_says_so_at_the_start(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name, path: None if name == "bwrap" else f"/usr/bin/{name}")
    assert check_sandbox(None) == []
    settings.SCRIPTS = "sandbox"
    [warning] = check_sandbox(None)
    assert "bwrap cannot be found" in warning.msg and "apt-get install bubblewrap" in warning.msg


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SUPPORTOPS_SCRIPTS", "on", "must be 'off', 'sandbox' or 'host'"),
        ("SUPPORTOPS_SCRIPT_INTERPRETERS", "python3", "absolute path"),
        ("SUPPORTOPS_SCRIPT_INTERPRETERS", "python3=python3", "absolute path"),
    ],
)
def test_settings_that_say_nothing_stop_the_start(name: str, value: str, why: str, tmp_path: Any) -> None:
    environment = {**os.environ, "SUPPORTOPS_DATA": str(tmp_path), name: value}
    command = [sys.executable, "-c", "import supportops.settings"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and why in done.stderr
