"""Keys are renewed under load, stopped and resumed, with nothing unreadable in between."""

import base64
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEntry
from integrations.models import Integration
from supportops import clock
from supportops.tenancy.scope import working_for
from supportops.vault import keyring, rotation
from supportops.vault.models import DataKey, KeyRotation
from tests.builders import World

pytestmark = pytest.mark.django_db
OLD = "k1:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="
NEW = "k2:" + base64.b64encode(b"2" * 32).decode()


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def rotate(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_keys", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def rows(world: World) -> list[Integration]:
    made = []
    for tenant in (world.ada, world.bo):
        with working_for(tenant.organization):
            for number in range(3):
                row = Integration(organization=tenant.organization, platform="freshdesk", name=f"Desk {number}")
                row.credentials.put({"api_key": f"{tenant.organization.slug}-{number}"})
                row.save()
                made.append(row)
    return made


def opened(rows: list[Integration]) -> list[str]:
    keyring.forget_opened_keys()
    return [Integration.across_organizations.get(pk=row.pk).credentials.open()["api_key"] for row in rows]


def keys_in_use(rows: list[Integration]) -> set[Any]:
    return {keyring.key_of(Integration.across_organizations.get(pk=row.pk).credentials.bytes) for row in rows}


ALL = ["ada-0", "ada-1", "ada-2", "bo-0", "bo-1", "bo-2"]


def test_a_new_master_key_wraps_and_the_old_one_may_go(rows: list[Integration], settings: Any) -> None:
    before = keys_in_use(rows)
    settings.MASTER_KEYS = [NEW, OLD]
    assert "2 data keys wrapped anew, 0 made, 0 secrets re-encrypted" in rotate()
    settings.MASTER_KEYS = [NEW]
    assert opened(rows) == ALL
    assert keys_in_use(rows) == before
    assert "0 data keys wrapped anew" in rotate()


def test_without_the_old_master_key_it_says_what_to_do(rows: list[Integration], settings: Any) -> None:
    settings.MASTER_KEYS = [NEW]
    keyring.forget_opened_keys()
    with pytest.raises(CommandError, match="Keep the old master key"):
        rotate()
    settings.MASTER_KEYS = [NEW, OLD]
    rotate()
    assert opened(rows) == ALL


def test_new_data_keys_seal_everything(rows: list[Integration], world: World) -> None:
    before = keys_in_use(rows)
    said = rotate("--data-keys")
    assert "6 secrets re-encrypted" in said and "integrations.Integration.credentials: 3 of 3" in said
    assert opened(rows) == ALL
    assert not keys_in_use(rows) & before
    # Whoever read an old value a moment ago can still open it.
    assert DataKey.objects.filter(pk__in=before).count() == 2
    with clock.moved(timedelta(hours=2)):
        assert "2 old data keys deleted" in rotate()
    assert DataKey.objects.count() == 2
    assert opened(rows) == ALL
    with working_for(world.ada.organization):
        [entry] = AuditEntry.objects.all()
    assert (entry.action, entry.changes) == ("keys.rotated", {"rows": 3})


def test_a_renewal_that_was_stopped_goes_on(rows: list[Integration], monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = keyring.seal, []

    def stops_after_two(*args: Any, **kwargs: Any) -> bytes:
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(keyring, "seal", stops_after_two)
    with pytest.raises(KeyboardInterrupt):
        rotate("--data-keys")
    monkeypatch.setattr(keyring, "seal", real)
    assert opened(rows) == ALL  # half of it under new keys, half under old ones
    assert len(keys_in_use(rows)) == 3
    assert KeyRotation.objects.get().finished_at is None
    said = rotate("--data-keys")
    assert "0 made, 4 secrets re-encrypted" in said
    assert opened(rows) == ALL
    assert KeyRotation.objects.get().finished_at is not None
    assert "2 made, 6 secrets re-encrypted" in rotate("--data-keys")  # a new one, not the old one again


def test_keys_that_were_not_renewed_yet_are_renewed_on_the_second_start(
    rows: list[Integration], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = keyring.new_data_key, []

    def stops_after_one(organization_id: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return real(organization_id)

    monkeypatch.setattr(keyring, "new_data_key", stops_after_one)
    with pytest.raises(KeyboardInterrupt):
        rotate("--data-keys")
    monkeypatch.setattr(keyring, "new_data_key", real)
    assert "1 made, 6 secrets re-encrypted" in rotate("--data-keys")
    assert opened(rows) == ALL


def test_a_row_that_changes_meanwhile_keeps_its_new_value(
    rows: list[Integration], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = keyring.open_sealed

    def somebody_is_faster(sealed: bytes, **place: Any) -> bytes:
        plain = real(sealed, **place)
        if plain == b'{"api_key":"ada-1"}':
            row = Integration.across_organizations.get(pk=place["row_id"])
            row.credentials.put({"api_key": "changed"})
            row.save()
        return plain

    monkeypatch.setattr(keyring, "open_sealed", somebody_is_faster)
    rotate("--data-keys")
    monkeypatch.setattr(keyring, "open_sealed", real)
    assert opened(rows) == ["ada-0", "changed", *ALL[2:]]


def test_a_key_stays_while_something_is_sealed_with_it(rows: list[Integration]) -> None:
    stale = rows[0].credentials.bytes
    rotate("--data-keys")
    # A request that was very slow saves what it sealed before.
    Integration.across_organizations.filter(pk=rows[0].pk).update(credentials=stale)
    assert rotation.remove_unused_keys(timedelta(0)) == (1, 1)
    assert opened(rows) == ALL
    assert "1 secrets re-encrypted, 1 old data keys deleted" in rotate("--grace", "0")
    assert opened(rows) == ALL


def test_a_damaged_secret_is_named_and_holds_up_nothing(rows: list[Integration]) -> None:
    damaged = bytearray(rows[1].credentials.bytes)
    damaged[-1] ^= 1
    Integration.across_organizations.filter(pk=rows[1].pk).update(credentials=bytes(damaged))
    out = StringIO()
    with pytest.raises(CommandError, match="1 secrets do not open"):
        call_command("rotate_keys", "--data-keys", stdout=out)
    assert f"Integration {rows[1].pk} stays as it is" in out.getvalue()
    assert opened([rows[0], *rows[2:]]) == [ALL[0], *ALL[2:]]
