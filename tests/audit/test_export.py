"""An export can be verified by somebody who has nothing but Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from audit import chain, export, retention, verify_export
from audit.models import AuditEntry
from audit.recording import Person, record
from audit.sealing import head, seal_all
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.audit.chains import chain_of, entries_of, write
from tests.audit_guards import lowered
from tests.builders import make_organization

pytestmark = pytest.mark.django_db
SCRIPT = Path(verify_export.__file__)


@pytest.fixture
def ada():
    return make_organization("ada")


@pytest.fixture
def exported(ada, monkeypatch):
    """The lines of an export with seven sealed entries (the last tells of the export) and one without a seal."""
    monkeypatch.setattr(export, "BATCH", 3)
    write(ada, 5)
    with working_for(ada):
        with transaction.atomic():
            bo = Person("user", "bo-id", "bö@example.com")
            record(
                "member.added", ("member", 1), changes={"member": bo, "big": 2**80, "odd": "\u2028\u0000", "n": -0.0}
            )
        export.begin()
        write(ada, 1)
        return [line.decode() for line in export.lines()]


def fails(lines, match, known=None):
    with pytest.raises(verify_export.Broken, match=match):
        verify_export.verify(lines, known)


def bent(line: str, **changes) -> str:
    return json.dumps(json.loads(line) | changes)


def test_an_untouched_export_holds(ada, exported):
    with working_for(ada):
        seen = verify_export.verify(exported, str(head()))
        assert (seen.first, seen.position, seen.hash, seen.unsealed) == (1, 7, head().hash, 1)


def test_lines_show_what_the_api_shows(ada, exported):
    line = json.loads(exported[0])
    entry = entries_of(ada)[0]
    assert line["actor"] == {"type": "user", "id": "ada-id", "name": "ada@example.com"}
    assert (line["id"], line["action"], line["ip"]) == (str(entry.id), "rule.changed", "192.0.2.7")
    assert (line["resource_type"], line["resource_id"], line["changes"]) == ("rule", "1", entry.changes)
    assert (line["sealed"], line["position"], line["previous"]) == (True, 1, chain.GENESIS)
    named = json.loads(exported[5])
    (person,) = named["people"].items()
    assert named["changes"]["member"] == {"person": person[0]}
    assert person[1] == {"type": "user", "id": "bo-id", "name": "bö@example.com"}
    assert json.loads(exported[6])["action"] == "audit.exported"
    assert json.loads(exported[7])["position"] is None


def test_both_verifiers_hash_alike(ada, exported):
    for line in exported:
        entry = verify_export.covered(json.loads(line))
        assert verify_export.hash_of(entry, 3, "p") == chain.hash_of(entry, 3, "p")
    for entry, line in zip(entries_of(ada), exported, strict=True):
        assert chain.entry_fields(entry) == verify_export.covered(json.loads(line))


@pytest.mark.parametrize("position", range(7))
def test_a_changed_line_is_found(exported, position):
    exported[position] = bent(exported[position], resource_id="99")
    fails(exported, f"position {position + 1} or its place was changed")


def test_a_changed_actor_is_found(exported):
    exported[2] = bent(exported[2], actor={"type": "user", "id": "bo", "name": ""})
    fails(exported, "position 3 or its place")


def test_a_missing_line_is_found(exported):
    fails(exported[:2] + exported[3:], "position 4 follows 2")


def test_lines_out_of_order_are_found(exported):
    fails([exported[1], exported[0], *exported[2:]], "position 1 follows 2")


def test_a_rehashed_line_is_found(exported):
    line = json.loads(exported[2]) | {"resource_id": "99"}
    line["hash"] = verify_export.hash_of(verify_export.covered(line), 3, line["previous"])
    fails([*exported[:2], json.dumps(line), *exported[3:]], "position 4 or its place")


def test_a_false_beginning_is_found(exported):
    fails([bent(exported[0], previous="f" * 64), *exported[1:]], "does not begin at its beginning")


def test_another_organizations_line_is_found(exported):
    fails([exported[0], bent(exported[1], organization="x"), *exported[2:]], "another organization")


def test_a_line_that_is_none_is_found(exported):
    fails([*exported, exported[-1][:20]], "line 9 is not an entry")
    fails(["[]"], "line 1 is not an entry")


def test_a_cut_off_end_is_found_with_a_noted_head(ada, exported):
    with working_for(ada):
        noted = str(head())
    verify_export.verify(exported[:4])
    fails(exported[:4], "cut off", noted)


def test_a_rewritten_chain_is_found_with_a_noted_head(exported):
    fails(exported, "another hash than the head that was noted", f"3:{'a' * 64}")


def test_names_may_be_erased_from_an_export(exported):
    erased = [bent(line, people={}, ip=None, actor=json.loads(line)["actor"] | {"name": ""}) for line in exported]
    assert verify_export.verify(erased).position == 7


def test_an_export_after_retention_goes_on_from_the_checkpoint(ada, monkeypatch):
    chain_of(ada, 4)
    with working_for(ada):
        noted = head()
        with clock.moved(retention.timedelta(days=500)):
            retention.trim(ada.id, clock.now())
            export.begin()
            lines = [line.decode() for line in export.lines()]
    seen = verify_export.verify(lines, str(noted))
    assert (seen.first, seen.position, seen.before) == (5, 6, noted.hash)
    fails(lines, "does not go on from the noted head 4", f"4:{'a' * 64}")


def test_a_deleted_entry_leaves_a_gap(ada, exported):
    with lowered(), working_for(ada):
        AuditEntry.objects.filter(resource_id="3").delete()
        lines = [line.decode() for line in export.lines()]
    fails(lines, "position 4 follows 2")


def test_the_verifier_runs_as_a_file_of_its_own(exported, tmp_path):
    script = tmp_path / "verify_export.py"
    script.write_bytes(SCRIPT.read_bytes())
    (tmp_path / "good.jsonl").write_text("".join(exported), encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text("".join(exported[1:3] + exported[:1]), encoding="utf-8")

    def run(*arguments):
        # Isolated: neither this project nor installed packages are in reach.
        command = [sys.executable, "-I", "-S", str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)

    good = run("good.jsonl")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.splitlines()[0] == "holds: positions 1 to 7, 7 entries"
    noted = good.stdout.splitlines()[-1].removeprefix("head: ")
    assert run("good.jsonl", "--head", noted).returncode == 0
    bad = run("bad.jsonl")
    assert (bad.returncode, bad.stdout.startswith("BROKEN: line 3")) == (1, True)
    assert run("none.jsonl").returncode == 2
    assert run("good.jsonl", "--head", "nonsense").returncode == 2


def test_the_command_writes_a_file_and_shows_the_head(ada, tmp_path, capsys):
    chain_of(ada, 3)
    call_command("export_audit", organization="ada", output=str(tmp_path / "log.jsonl"))
    assert verify_export.main([str(tmp_path / "log.jsonl")]) == 0
    captured = capsys.readouterr()
    assert captured.err.strip() == captured.out.splitlines()[-1]
    assert entries_of(ada)[-1].action == "audit.exported"
    with pytest.raises(CommandError, match="no organization 'bo'"):
        call_command("export_audit", organization="bo")


def test_the_command_writes_to_standard_output(ada, capfdbinary):
    chain_of(ada, 2)
    call_command("export_audit", organization="ada")
    assert verify_export.verify(capfdbinary.readouterr().out.decode().splitlines()).position == 3


def test_the_verifying_command_says_where_it_is_broken(ada, capsys):
    bo = make_organization("bo")
    chain_of(ada, 2)
    seals = chain_of(bo, 3)
    call_command("verify_audit")
    assert "ada: holds, 2 entries; head 2:" in capsys.readouterr().out
    with lowered(), working_for(bo):
        AuditEntry.objects.filter(id=seals[1].entry_id).update(action="x")
    with pytest.raises(CommandError, match=r"broken \(1 organization\)") as failure:
        call_command("verify_audit")
    assert failure.value.returncode == 1
    assert "bo: BROKEN at position 2" in capsys.readouterr().out
    call_command("verify_audit", organization="ada")
    with pytest.raises(CommandError, match="no organization 'carl'"):
        call_command("verify_audit", organization="carl")


def test_the_verifying_command_notices_that_nobody_seals(ada, capsys):
    write(ada, 1)
    with clock.moved(retention.timedelta(hours=1)):
        call_command("verify_audit")
    assert "1 not sealed yet, the oldest since" in capsys.readouterr().out
    with working_for(ada):
        seal_all()
