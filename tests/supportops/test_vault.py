"""What is sealed opens in its own place only, and shows itself nowhere else."""

import base64
import json
import pickle
import uuid

import pytest
from django.core import serializers as fixtures
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.forms.models import model_to_dict
from rest_framework import serializers

from integrations.models import Endpoint, Integration
from supportops.api.json import dumps
from supportops.ids import new_id
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from supportops.vault import keyring
from supportops.vault.models import DataKey
from tests.builders import World

pytestmark = pytest.mark.django_db
SECRET = {"api_key": "s3cr3t-value-nobody-sees"}


def make_integration(organization: Organization, name: str = "Freshdesk") -> Integration:
    row = Integration(organization=organization, platform="freshdesk", name=name)
    row.credentials.put(SECRET)
    row.save()
    return row


@pytest.fixture
def row(world: World) -> Integration:
    with working_for(world.ada.organization):
        return make_integration(world.ada.organization)


def reread(row: Integration) -> Integration:
    return Integration.across_organizations.get(pk=row.pk)


def test_what_was_put_opens_again(row: Integration) -> None:
    assert reread(row).credentials.open() == SECRET
    assert reread(row).credentials.is_set
    assert Integration(organization=row.organization).credentials.open() is None


def test_the_database_holds_no_secret(row: Integration) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM integrations_integration")
        [(stored,)] = cursor.fetchall()
    stored = bytes(stored)
    assert stored == row.credentials.bytes
    for form in (b"s3cr3t", base64.b64encode(b"s3cr3t-value"), b"api_key"):
        assert form not in stored


def test_sealing_twice_gives_different_bytes(row: Integration) -> None:
    before = row.credentials.bytes
    row.credentials.put(SECRET)
    assert row.credentials.bytes != before
    assert keyring.key_of(row.credentials.bytes) == keyring.key_of(before)


@pytest.mark.parametrize("changed", ["organization_id", "row_id", "label"])
def test_moved_elsewhere_it_does_not_open(row: Integration, world: World, changed: str) -> None:
    place = {"organization_id": row.organization_id, "row_id": row.pk, "label": "integration.credentials"}
    assert json.loads(keyring.open_sealed(row.credentials.bytes, **place)) == SECRET
    place[changed] = {
        "organization_id": world.bo.organization.id,
        "row_id": new_id(),
        "label": "endpoint.secrets",
    }[changed]
    with pytest.raises(keyring.CannotOpen):
        keyring.open_sealed(row.credentials.bytes, **place)


def test_copied_by_hand_in_the_database_it_does_not_open(row: Integration, world: World) -> None:
    with working_for(world.ada.organization):
        other = make_integration(world.ada.organization, "Second")
        endpoint = Endpoint.objects.create(integration=row, scheme="hmac", state="ready")
    with working_for(world.bo.organization):
        foreign = make_integration(world.bo.organization)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_integration SET credentials = %s", [row.credentials.bytes])
        cursor.execute("UPDATE integrations_endpoint SET secrets = %s", [row.credentials.bytes])
    assert reread(row).credentials.open() == SECRET
    for stolen in (
        reread(other).credentials,
        reread(foreign).credentials,
        Endpoint.across_organizations.get(pk=endpoint.pk).secrets,
    ):
        with pytest.raises(keyring.CannotOpen):
            stolen.open()


@pytest.mark.parametrize("position", [0, 1, 16, 17, 28, 29, -1])
def test_a_changed_byte_is_noticed(row: Integration, position: int) -> None:
    sealed = bytearray(row.credentials.bytes)
    sealed[position] ^= 1
    row.credentials = bytes(sealed)
    with pytest.raises(keyring.CannotOpen):
        row.credentials.open()


@pytest.mark.parametrize("length", [1, 17, 29, 44])
def test_a_cut_off_value_is_noticed(row: Integration, length: int) -> None:
    row.credentials = row.credentials.bytes[:length]
    with pytest.raises(keyring.CannotOpen):
        row.credentials.open()


def test_another_master_key_does_not_open_it(row: Integration, settings: object) -> None:
    keyring.forget_opened_keys()
    settings.MASTER_KEYS = ["k1:" + base64.b64encode(b"x" * 32).decode()]  # type: ignore[attr-defined]
    with pytest.raises(keyring.CannotOpen, match="not the one that wrapped"):
        reread(row).credentials.open()
    settings.MASTER_KEYS = ["k2:" + base64.b64encode(b"x" * 32).decode()]  # type: ignore[attr-defined]
    with pytest.raises(keyring.CannotOpen, match="'k1' is not among"):
        reread(row).credentials.open()


def test_a_wrapped_key_does_not_open_as_another_organizations(row: Integration, world: World) -> None:
    with working_for(world.bo.organization):
        foreign = make_integration(world.bo.organization)
    ours = DataKey.objects.get(organization_id=row.organization_id)
    DataKey.objects.filter(organization_id=world.bo.organization.id).update(wrapped=ours.wrapped)
    keyring.forget_opened_keys()
    with pytest.raises(keyring.CannotOpen):
        reread(foreign).credentials.open()


@pytest.mark.parametrize("text", ["k1", "k1:", ":" + "A" * 44, "k1:AAAA", "k1:%%%", "k1:" + "A" * 43])
def test_a_master_key_that_is_none_is_refused(settings: object, text: str) -> None:
    settings.MASTER_KEYS = [text]  # type: ignore[attr-defined]
    with pytest.raises(ImproperlyConfigured, match="exactly 32"):
        keyring.master_keys()


def test_each_organization_has_one_key_of_its_own(row: Integration, world: World) -> None:
    with working_for(world.bo.organization):
        foreign = make_integration(world.bo.organization)
        make_integration(world.bo.organization, "Second")
    assert keyring.key_of(foreign.credentials.bytes) != keyring.key_of(row.credentials.bytes)
    assert DataKey.objects.count() == 2


def test_it_shows_dots(row: Integration) -> None:
    class Everything(serializers.ModelSerializer[Integration]):
        class Meta:
            model = Integration
            fields = "__all__"

    assert (repr(row.credentials), str(row.credentials), f"{row.credentials}") == ("••••••",) * 3
    assert repr(Integration(organization=row.organization).credentials) == "(not set)"
    assert pickle.loads(pickle.dumps(row.credentials)) == "••••••"
    shown = [
        pickle.dumps(row),
        dumps({"credentials": row.credentials}),
        dumps(Everything(row).data),
        fixtures.serialize("json", [row]).encode(),
        str(model_to_dict(row)).encode(),
        repr(vars(row)).encode(),
    ]
    for text in shown:
        for form in (b"s3cr3t", base64.b64encode(b"s3cr3t-value"), b"czNjcjN0"):
            assert form not in text
    assert "credentials" not in model_to_dict(row)


def test_plain_values_cannot_be_stored(row: Integration) -> None:
    with pytest.raises(TypeError):
        row.credentials = "plain"
    with pytest.raises(TypeError):
        Integration(organization=row.organization, credentials={"api_key": "plain"})
    row.credentials = b'{"api_key": "plain text in the guise of bytes, long enough"}'
    with pytest.raises(TypeError, match="sealed"):
        row.save()
    with pytest.raises(TypeError, match="sealed"):
        Integration.across_organizations.update(credentials=b'{"api_key": "plain"}')


def test_a_field_that_was_not_loaded_is_not_a_field_that_is_not_set(row: Integration) -> None:
    found = Integration.across_organizations.only("name").get(pk=row.pk)
    assert found.credentials.is_set
    assert found.credentials.open() == SECRET
    found = Integration.across_organizations.defer("credentials").get(pk=row.pk)
    found.name = "Renamed"
    found.save()
    assert reread(row).credentials.open() == SECRET


def test_it_is_stored_by_bulk_writes_too(row: Integration, world: World) -> None:
    row.credentials.put({"api_key": "second"})
    Integration.across_organizations.bulk_update([row], ["credentials"])
    assert reread(row).credentials.open() == {"api_key": "second"}
    more = Integration(organization=world.ada.organization, platform="freshdesk", name="Third")
    more.credentials.put(SECRET)
    Integration.across_organizations.bulk_create([more])
    assert reread(more).credentials.open() == SECRET


def test_a_row_without_organization_says_so() -> None:
    with pytest.raises(ValueError, match="organization"):
        Integration(platform="freshdesk", name="Nobody's").credentials.put(SECRET)


def test_a_new_key_retires_the_one_before(row: Integration) -> None:
    before = DataKey.objects.get()
    keyring.new_data_key(row.organization_id)
    before.refresh_from_db()
    assert not before.is_current and before.retired_at is not None
    assert reread(row).credentials.open() == SECRET
    row.credentials.put(SECRET)
    assert keyring.key_of(row.credentials.bytes) == DataKey.objects.get(is_current=True).pk
    assert isinstance(keyring.key_of(row.credentials.bytes), uuid.UUID)
