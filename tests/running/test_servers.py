"""PostgreSQL and Valkey from our own starter."""

import psycopg
import pytest
import redis

pytestmark = pytest.mark.servers


def test_postgres_answers_and_has_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("supportops",)
        assert connection.execute("SELECT upper('äß')").fetchone() == ("Äß",)


def test_postgres_refuses_a_wrong_password(postgres_url: str) -> None:
    user, _, rest = postgres_url.partition("@")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"{user}x@{rest}")


def test_valkey_answers_only_with_its_password(valkey_url: str) -> None:
    assert redis.Redis.from_url(valkey_url).ping()
    host = valkey_url.rpartition("@")[2]
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis.from_url(f"redis://{host}").ping()
