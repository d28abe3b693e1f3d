"""The organization's files: uploaded, listed, read, deleted, and sent by actions."""

import hashlib
from typing import Any

import pytest
from django.core.files.base import ContentFile
from pydantic import BaseModel

from audit.models import AuditEntry
from integrations import files
from integrations.attachments import MOST_BYTES, Attachments
from integrations.models import StoredFileContent
from integrations.parameters import Parameters
from supportops.tenancy.roles import Permission, Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.belongings import upload
from tests.builders import World, browser

pytestmark = pytest.mark.django_db


class Note(Parameters):
    text: str = ""
    attachments: Attachments = []


class Plain(BaseModel):
    text: str = ""


def test_a_file_comes_back_as_it_was_given(world: World) -> None:
    content = bytes(range(256)) * 40
    made = upload(world.ada.api, "chart.png", content)
    assert made["name"] == "chart.png" and made["content_type"] == "image/png" and made["size"] == len(content)
    assert made["sha256"] == hashlib.sha256(content).hexdigest()
    answer = world.ada.api.get(f"/api/files/{made['id']}/content")
    assert answer.content == content and answer["Content-Type"] == "image/png"
    # It is something to keep: whatever is in it never runs as a page of ours.
    assert answer["Content-Disposition"] == 'attachment; filename="chart.png"'
    assert answer["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer["Content-Security-Policy"]
    listed = world.ada.api.get("/api/files/", {"name": "chart.png"}).json()["results"]
    assert [row["id"] for row in listed] == [made["id"]] and "raw" not in listed[0]


def test_names_are_unique_within_an_organization_and_anybodys_beyond(world: World) -> None:
    upload(world.ada.api, "a.txt", b"1")
    upload(world.bo.api, "a.txt", b"2")
    again = world.ada.api.post("/api/files/", {"file": ContentFile(b"3", "a.txt")}, format="multipart")
    assert again.status_code == 400
    assert [(e["attr"], e["code"]) for e in again.json()["errors"]] == [("name", "not_unique")]
    assert upload(world.ada.api, "a.txt", b"3", name="b.txt")["name"] == "b.txt"


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({}, "file"),
        ({"file": "no file"}, "file"),
        ({"file": ContentFile(b"1", "a.txt"), "content_type": "no type"}, "content_type"),
        ({"file": ContentFile(b"1", "a.txt"), "name": "x" * 256}, "name"),
    ],
)
def test_what_is_wrong_is_named(world: World, fields: dict[str, Any], attr: str) -> None:
    answer = world.ada.api.post("/api/files/", fields, format="multipart")
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == attr
    assert world.ada.api.post("/api/files/", {"file": "x"}, format="json").status_code == 415


def test_a_file_beyond_the_limit_is_refused(world: World) -> None:
    big = ContentFile(b"x" * (MOST_BYTES + 1), "big.bin")
    answer = world.ada.api.post("/api/files/", {"file": big}, format="multipart")
    assert answer.status_code == 413 and "25 MiB" in answer.json()["errors"][0]["detail"]
    assert not StoredFileContent.objects.exists()


def test_an_upload_repeated_under_its_key_is_one_file(world: World) -> None:
    """The second try of a client has other boundaries between the parts of its form."""
    key = {"Idempotency-Key": "upload-1"}
    big = b"x" * (9 * 1024 * 1024)

    def send(content: bytes) -> Any:
        return world.ada.api.post(
            "/api/files/", {"file": ContentFile(content, "a.bin")}, format="multipart", headers=key
        )

    first, second = send(big), send(big)
    assert first.status_code == 201 and second.json() == first.json() and second["Idempotency-Replayed"] == "true"
    assert send(b"other").status_code == 409


def test_who_may_read_may_not_write(world: World) -> None:
    made = upload(world.ada.api, "a.txt", b"1")
    reader = builders.api_client(builders.make_token(world.ada.organization, [Permission.READ]))
    assert reader.get(f"/api/files/{made['id']}/content").content == b"1"
    assert reader.delete(f"/api/files/{made['id']}").status_code == 403
    assert reader.post("/api/files/", {"file": ContentFile(b"", "b")}, format="multipart").status_code == 403


def test_upload_and_deletion_stand_in_the_audit_log(world: World) -> None:
    made = upload(world.ada.api, "a.txt", b"1")
    assert world.ada.api.delete(f"/api/files/{made['id']}").status_code == 204
    with working_for(world.ada.organization):
        entries = AuditEntry.objects.filter(resource_type="file", resource_id=made["id"]).order_by("pk")
        assert [entry.action for entry in entries] == ["file.created", "file.deleted"]
    assert not StoredFileContent.objects.exists()


def test_parameters_get_the_files_that_they_name(world: World, django_assert_num_queries: Any) -> None:
    made = upload(world.ada.api, "a.txt", b"one")
    upload(world.ada.api, "b.txt", b"two")
    theirs = upload(world.bo.api, "c.txt", b"three")
    with working_for(world.ada.organization):
        found = files.files_for(Note(attachments=["b.txt", made["id"], "missing.txt", theirs["id"], "c.txt"]))
        assert {name: file.content for name, file in found.items()} == {"b.txt": b"two", made["id"]: b"one"}
        assert files.files_for(Note(attachments=["b.txt"]))["b.txt"] is found["b.txt"]
        with django_assert_num_queries(0):
            assert files.files_for(Note(text="hello")) == files.files_for(Plain()) == files.files_for(None) == {}


def test_the_admin_takes_and_gives_files(world: World) -> None:
    client = browser(builders.make_member(world.ada.organization, Role.EDITOR))
    add = "/admin/integrations/storedfile/add/"
    fields = {"upload": ContentFile(b"hello", "a.txt"), "name": ""}
    assert client.post(add, fields, format="multipart").status_code == 302
    row = world.ada.api.get("/api/files/").json()["results"][0]
    assert row["name"] == "a.txt"
    assert "a.txt" in client.get("/admin/integrations/storedfile/").content.decode()
    page = client.get(f"/admin/integrations/storedfile/{row['id']}/change/").content.decode()
    assert row["sha256"] in page
    assert client.get(f"/admin/integrations/storedfile/{row['id']}/content/").content == b"hello"
    again = {"upload": ContentFile(b"other", "a.txt"), "name": ""}
    assert "Names are unique" in client.post(add, again, format="multipart").content.decode()
    viewer = browser(builders.make_member(world.ada.organization, Role.VIEWER))
    fields = {"upload": ContentFile(b"hello", "b.txt"), "name": ""}
    assert viewer.post(add, fields, format="multipart").status_code == 403
