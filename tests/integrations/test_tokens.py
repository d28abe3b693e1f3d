"""Access tokens: kept for all workers, fetched by one of them, renewed in time."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from integrations import lifecycle, tokens
from integrations.credentials import open_credentials
from integrations.errors import CredentialsRejected, Unavailable
from integrations.models import Integration, IntegrationToken
from integrations.specs import Token
from integrations.tokens import Keeper
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db
GIVEN = {"subdomain": "acme", "client_id": "us", "client_secret": "client-secret-1"}


def zendesk(world: World, **credentials: str) -> Integration:
    with working_for(world.ada.organization):
        row, _, _ = lifecycle.create(platform="zendesk", name="Desk", credentials={**GIVEN, **credentials})
    return row


def keeper(row: Integration) -> Keeper:
    with working_for(row.organization_id):
        return Keeper(row, open_credentials(row))


class Platform:
    """Gives out tokens that last half an hour, each with a new refresh token; keeps what it was asked with."""

    def __init__(self) -> None:
        self.asked_with: list[Token | None] = []

    def obtain(self, last: Token | None) -> Token:
        self.asked_with.append(last)
        number = len(self.asked_with)
        return Token(f"access-{number}", clock.now() + timedelta(minutes=30), f"refresh-{number}")


def never(_: Token | None) -> Token:
    raise AssertionError("nobody had to fetch a token")


def test_a_token_is_fetched_once_for_all_processes(world: World) -> None:
    row, platform = zendesk(world), Platform()
    assert keeper(row).get(platform.obtain).access_token == "access-1"
    assert keeper(row).get(never).access_token == "access-1"
    tokens.forget()  # another process
    assert keeper(row).get(never).access_token == "access-1"


def test_a_token_is_stored_sealed(world: World) -> None:
    row = zendesk(world)
    keeper(row).get(Platform().obtain)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_integrationtoken")
        stored = [bytes(value) for value in cursor.fetchone() if isinstance(value, memoryview | bytes)]
    assert stored and not any(b"access-1" in value or b"refresh-1" in value for value in stored)


def test_it_is_renewed_two_minutes_before_it_runs_out(world: World) -> None:
    row, platform = zendesk(world), Platform()
    keeper(row).get(platform.obtain)
    with clock.moved(timedelta(minutes=27)):
        assert keeper(row).get(never).access_token == "access-1"
    with clock.moved(timedelta(minutes=28, seconds=1)):
        assert keeper(row).get(platform.obtain).access_token == "access-2"
        last = platform.asked_with[-1]
        assert last is not None and last.refresh_token == "refresh-1"
        tokens.forget()
        assert keeper(row).get(never).access_token == "access-2"


def test_a_refresh_token_stays_where_no_other_came(world: World) -> None:
    row = zendesk(world)
    keeper(row).get(lambda _: Token("a", clock.now(), "good-for-ever"))
    keeper(row).get(lambda _: Token("b", clock.now() + timedelta(hours=1)))
    assert keeper(row).get(never).refresh_token == "good-for-ever"


def test_what_the_platform_refused_is_not_used_again(world: World) -> None:
    row, platform = zendesk(world), Platform()
    keeper(row).get(platform.obtain)
    keeper(row).forget("some-older-token")
    assert keeper(row).get(never).access_token == "access-1"
    keeper(row).forget("access-1")
    tokens.forget()
    assert keeper(row).get(platform.obtain).access_token == "access-2"
    last = platform.asked_with[-1]
    assert last is not None and (last.access_token, last.refresh_token) == ("access-1", "refresh-1")


def test_other_credentials_have_another_token(world: World) -> None:
    row, platform = zendesk(world), Platform()
    keeper(row).get(platform.obtain)
    with working_for(world.ada.organization):
        lifecycle.change(row, credentials={"client_secret": "client-secret-2"})
    keeper(row).get(platform.obtain)
    assert platform.asked_with == [None, None]


def test_a_spent_refresh_token_is_not_what_stays_with_the_credentials(world: World) -> None:
    row, platform = zendesk(world, access_token="granted", refresh_token="refresh-0"), Platform()
    keeper(row).get(platform.obtain)
    with working_for(world.ada.organization):
        lifecycle.change(row, credentials={"client_secret": "client-secret-2"})
        given = open_credentials(Integration.objects.get(pk=row.pk))
    assert (given["access_token"], given["refresh_token"]) == ("access-1", "refresh-1")


def test_a_failure_frees_the_way_for_the_next(world: World) -> None:
    row = zendesk(world)

    def refused(_: Token | None) -> Token:
        raise CredentialsRejected("No.")

    with pytest.raises(CredentialsRejected):
        keeper(row).get(refused)
    assert keeper(row).get(Platform().obtain).access_token == "access-1"


def test_whoever_waits_too_long_for_another_worker_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = zendesk(world)
    with working_for(world.ada.organization):
        IntegrationToken.objects.create(
            integration=row, lease_until=clock.now() + timedelta(seconds=50), lease_holder=row.pk
        )
    monkeypatch.setattr(tokens, "_LONGEST_WAIT", 0.2)
    with pytest.raises(Unavailable, match="Another worker"):
        keeper(row).get(never)
    with clock.moved(timedelta(seconds=51)):
        # A worker that died with the lease keeps nobody for longer than that.
        assert keeper(row).get(Platform().obtain).access_token == "access-1"


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_fetches(world: World) -> None:
    row, platform, gate = zendesk(world), Platform(), threading.Barrier(8)
    found: list[Any] = []

    def slowly(last: Token | None) -> Token:
        clock_watch.wait(0.3)
        return platform.obtain(last)

    clock_watch = threading.Event()

    def work(own: Callable[[], Keeper]) -> None:
        gate.wait()
        found.append(own().get(slowly).access_token)
        found.append(connection.connection is None)

    # Half of them as another process would come: with a memory of their own.
    shared = keeper(row)

    def apart() -> Keeper:
        other = Keeper.__new__(Keeper)
        other.__dict__ = {**shared.__dict__, "_memory": tokens._Kept()}
        return other

    threads = [threading.Thread(target=work, args=(apart if n % 2 else lambda: shared,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found.count("access-1") == 8 and len(platform.asked_with) == 1
    assert found.count(True) == 8, "threads of calls leave no connection open"
