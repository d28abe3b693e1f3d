"""A shop's database on a real server: a role that may read orders, and one that may change them."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

SETUP = """
CREATE TABLE orders (
  id int PRIMARY KEY, email text, total numeric(10, 2), paid_at timestamptz, is_paid bool, note text
);
INSERT INTO orders VALUES
  (1, 'grace@northwind.example', 129.90, '2026-11-20 10:00:00Z', true, 'Grüße'),
  (2, 'grace@northwind.example', 0.10, NULL, false, NULL);
CREATE TABLE salaries (name text, amount numeric);
CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY, text text UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE SEQUENCE numbers;
CREATE FUNCTION add_order() RETURNS int LANGUAGE sql SECURITY DEFINER
  AS $$ INSERT INTO orders (id) VALUES (99) RETURNING id $$;
CREATE ROLE reader LOGIN PASSWORD 'reader-pw';
GRANT SELECT ON orders TO reader;
GRANT USAGE ON SEQUENCE numbers TO reader;
CREATE ROLE writer LOGIN PASSWORD 'writer-pw';
GRANT ALL ON orders, notes TO writer;
"""


class Shop:
    """The database: credentials of its roles, and what stands in it."""

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 5432

    def credentials(self, role: str = "reader", **changes: Any) -> dict[str, Any]:
        return {
            "host": self.host,
            "port": self.port,
            "database": "shop",
            "username": role,
            "password": f"{role}-pw",
            "sslmode": "disable",
            **changes,
        }

    def admin(self, database: str = "shop") -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, dbname=database, autocommit=True)

    def rows(self, query: str) -> list[Any]:
        with self.admin() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="session")
def shop_server(postgres_url: str) -> Iterator[Shop]:
    shop = Shop(postgres_url)
    with shop.admin("postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS reader, writer")
        connection.execute("CREATE DATABASE shop ENCODING 'UTF8' TEMPLATE template0")
    with shop.admin() as connection:
        connection.execute(SETUP)
    yield shop
    with shop.admin("postgres") as connection:
        connection.execute("DROP DATABASE shop WITH (FORCE)")
        connection.execute("DROP ROLE reader, writer")


@pytest.fixture
def shop(shop_server: Shop, settings: Any) -> Shop:
    """The shop, at an address that the operator allows."""
    settings.OUTBOUND_ALLOW = [f"{shop_server.host}:{shop_server.port}"]
    return shop_server
