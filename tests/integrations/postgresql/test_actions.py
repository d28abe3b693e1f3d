"""What a query may do and what not, tried on a real server; and connections that go wrong."""

import time
from typing import Any

import pytest

from integrations.connecting import connect_with
from integrations.connectors.postgresql import client
from integrations.connectors.postgresql.connector import Postgresql
from integrations.connectors.postgresql.schemas import ExecuteQuery
from integrations.errors import (
    Forbidden,
    IntegrationError,
    InvalidInput,
    Permanent,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.specs import CREATES, READS, Account, Action, Call, Result
from tests.integrations.postgresql.conftest import Shop
from tests.integrations.postgresql.proxy import Proxy, stranger, when

WRITES = {"allow_writes": True}


def run(
    credentials: dict[str, Any],
    query: str,
    parameters: Any = None,
    *,
    config: dict[str, Any] | None = None,
    deadline: float = 30.0,
    **more: Any,
) -> Result:
    connector = connect_with(Postgresql, credentials, config, call=Call(deadline=deadline))
    return connector.execute(Action("execute_query", {"query": query, "parameters": parameters, **more}))


def orders(shop: Shop) -> list[Any]:
    return shop.rows("SELECT id FROM orders ORDER BY id")


# --- what a query that reads may not do -----------------------------------------------------------------------
ATTACKS = [
    "INSERT INTO orders (id) VALUES (7)",
    "DELETE FROM orders",
    "TRUNCATE orders",
    "DROP TABLE orders",
    "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
    "SELECT 1; DROP TABLE orders",
    "SELECT 1; COMMIT; DELETE FROM orders",
    "SELECT 1; COMMIT; BEGIN READ WRITE; DELETE FROM orders; COMMIT",
    "SELECT 1 /* ; */; DELETE FROM orders --",
    "COMMIT",
    "ROLLBACK; DELETE FROM orders",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('transaction_read_only', 'off', true), add_order()",
    "SELECT add_order()",
    "SELECT nextval('numbers')",
    "SELECT * INTO copied FROM orders",
    "SELECT * FROM orders FOR UPDATE",
    "SELECT lo_create(4711)",
    "SELECT lo_export(1, '/tmp/x')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT rolpassword FROM pg_authid",
    "COPY orders TO STDOUT",
    "COPY orders TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "DO $$ BEGIN DELETE FROM orders; END $$",
    "CALL nothing()",
    "PREPARE x AS DELETE FROM orders",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "DECLARE x CURSOR FOR SELECT 1",
    "LISTEN channel",
    "LOCK TABLE orders",
    "CREATE TEMP TABLE t (id int)",
    "VACUUM",
    "",
    "   -- nothing",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_query_that_reads_changes_nothing(shop: Shop, attack: str) -> None:
    # By the role that could, bare and with values: those take different ways through the protocol elsewhere.
    for parameters in (None, []):
        with pytest.raises((Permanent, Unavailable)) as caught:
            run(shop.credentials("writer"), attack, parameters, access="read")
        assert not caught.value.may_have_reached
    assert orders(shop) == [(1,), (2,)]
    assert shop.rows("SELECT to_regclass('copied'), (SELECT is_called FROM numbers)") == [(None, False)]


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if not attack.startswith(("SELECT", "WITH"))])
def test_without_permission_no_statement_is_even_sent(attack: str) -> None:
    credentials = {"host": "192.0.2.1", "database": "x", "username": "x", "password": "p"}
    with pytest.raises((Forbidden, InvalidInput), match=r"not sent|at least 1"):
        run(credentials, attack)


@pytest.mark.parametrize(
    ("query", "is_read"),
    [
        ("select 1", True),
        ("\n\t(( SELECT 1))", True),
        ("-- DELETE\nSELECT 1", True),
        ("/* x */ /* y */ with a as (select 1) select * from a", True),
        ("VALUES (1)", True),
        ("table orders", True),
        ("DELETE FROM orders", False),
        ("selection", False),
        ("-- SELECT 1", False),
        ("", False),
    ],
)
def test_what_reads_is_told_from_what_does_not(query: str, is_read: bool) -> None:
    data = ExecuteQuery.model_construct(query=query, access="auto")
    assert data.is_read is is_read
    spec = Postgresql.action_spec("execute_query")
    assert spec.effect_of is not None
    assert spec.effect_of(data) is (READS if is_read else CREATES)


# --- writing --------------------------------------------------------------------------------------------------
def test_an_integration_that_may_write_does_so(shop: Shop) -> None:
    credentials = shop.credentials("writer")
    try:
        made = run(credentials, "INSERT INTO orders (id, email) VALUES (%s, %s)", [50, "x@y.example"], config=WRITES)
        assert (made.data["affected"], made.data["rows"]) == (1, [])
        changed = run(credentials, "UPDATE orders SET note = '100%' WHERE id = 50 RETURNING id, note", config=WRITES)
        assert (changed.data["affected"], changed.data["rows"]) == (1, [{"id": 50, "note": "100%"}])
        assert shop.rows("SELECT note FROM orders WHERE id = 50") == [("100%",)]
    finally:
        gone = run(credentials, "DELETE FROM orders WHERE id >= %(least)s", {"least": 50}, config=WRITES)
    assert gone.message == "Done: 1 affected, 0 rows returned." and orders(shop) == [(1,), (2,)]


@pytest.mark.parametrize("parameters", [None, []], ids=["bare", "with values"])
@pytest.mark.parametrize(
    "attack",
    ["SELECT 1; DELETE FROM orders", "COMMIT; DELETE FROM orders", "UPDATE orders SET id = 1; DROP TABLE orders"],
)
def test_one_statement_stays_one(shop: Shop, attack: str, parameters: Any) -> None:
    with pytest.raises(InvalidInput, match="42601"):
        run(shop.credentials("writer"), attack, parameters, config=WRITES, access="write")
    assert orders(shop) == [(1,), (2,)]


def test_what_may_be_written_may_still_be_read_only(shop: Shop) -> None:
    assert run(shop.credentials("writer"), "SELECT 1 AS one", config=WRITES).data["affected"] is None
    with pytest.raises(Forbidden, match="25006"):
        run(shop.credentials("writer"), "SELECT add_order()", config=WRITES)


def test_a_function_that_writes_is_run_where_a_step_says_so(shop: Shop) -> None:
    credentials = shop.credentials("writer")
    try:
        result = run(credentials, "SELECT add_order() AS id", config=WRITES, access="write")
        assert result.data["rows"] == [{"id": 99}]
        assert orders(shop) == [(1,), (2,), (99,)]
    finally:
        run(credentials, "DELETE FROM orders WHERE id = 99", config=WRITES)


def test_what_the_commit_refuses_is_refused(shop: Shop) -> None:
    query = "INSERT INTO notes (text) VALUES ('same'), ('same')"
    with pytest.raises(InvalidInput, match="23505"):
        run(shop.credentials("writer"), query, config=WRITES)
    assert shop.rows("SELECT * FROM notes") == []


def test_a_copy_is_refused_and_breaks_nothing(shop: Shop) -> None:
    for query in ("COPY orders TO STDOUT", "COPY orders FROM STDIN"):
        with pytest.raises(InvalidInput, match="COPY"):
            run(shop.credentials("writer"), query, config=WRITES)


# --- limits ---------------------------------------------------------------------------------------------------
def test_more_rows_than_wanted_are_said_to_be_there(shop: Shop) -> None:
    # Made as it is read: none of the servers' work is for rows that nobody wants.
    query = "SELECT generate_series(1, 100000000) AS n"
    result = run(shop.credentials(), query, config={"max_rows": 3})
    assert result.data["rows"] == [{"n": 1}, {"n": 2}, {"n": 3}] and result.data["is_truncated"]
    assert "there are more" in result.message
    assert run(shop.credentials(), query, config={"max_rows": 3}, max_rows=2).data["row_count"] == 2
    assert run(shop.credentials(), query, config={"max_rows": 3}, max_rows=500).data["row_count"] == 3
    assert run(shop.credentials(), query).data["row_count"] == 100
    exactly = run(shop.credentials(), "SELECT n FROM generate_series(1, 3) AS n", config={"max_rows": 3})
    assert exactly.data["row_count"] == 3 and not exactly.data["is_truncated"]


@pytest.mark.parametrize(
    "query", ["SELECT repeat('x', 1000000) AS x", "SELECT to_jsonb(array_fill(1, ARRAY[100000])) AS x"]
)
def test_a_long_value_is_cut_off(shop: Shop, query: str) -> None:
    result = run(shop.credentials(), query)
    [row] = result.data["rows"]
    assert len(row["x"]) == 10_000 and row["x"].endswith("…") and result.data["is_truncated"]


def test_many_long_values_are_cut_off_together(shop: Shop) -> None:
    result = run(shop.credentials(), "SELECT repeat('x', 9000) AS x FROM generate_series(1, 100)")
    assert 10 < result.data["row_count"] < 25 and result.data["is_truncated"]


@pytest.mark.parametrize(("access", "config"), [("read", {}), ("write", WRITES)])
def test_a_value_beyond_all_bounds_is_not_taken_in(shop: Shop, access: str, config: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="more than 8 MiB"):
        run(shop.credentials("writer"), "SELECT repeat('x', 200000000)", config=config, access=access)


def test_a_query_ends_when_its_time_does(shop: Shop) -> None:
    began = time.monotonic()
    with pytest.raises(Permanent, match="57014"):
        run(shop.credentials(), "SELECT pg_sleep(20)", config={"timeout_seconds": 0.3})
    assert time.monotonic() - began < 3


def test_no_query_outlives_the_call(shop: Shop) -> None:
    began = time.monotonic()
    with pytest.raises(Permanent, match="57014"):
        run(shop.credentials(), "SELECT pg_sleep(20)", config={"timeout_seconds": 300}, deadline=4)
    assert time.monotonic() - began < 4


def test_a_query_cannot_lift_its_own_limit(shop: Shop) -> None:
    query = "SELECT set_config('statement_timeout', '0', false), pg_sleep(20)"
    with pytest.raises(Permanent, match="57014"):
        run(shop.credentials(), query, config={"timeout_seconds": 0.3})


def test_a_lock_is_not_waited_for_long(shop: Shop) -> None:
    with shop.admin() as admin, admin.transaction():
        admin.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(Unavailable, match="55P03"):
            run(shop.credentials(), "SELECT * FROM orders", config={"lock_seconds": 0.2})
        assert time.monotonic() - began < 2


# --- connections ----------------------------------------------------------------------------------------------
def test_a_server_that_ends_the_connection_may_be_asked_again(shop: Shop) -> None:
    with pytest.raises(Unavailable):
        run(shop.credentials(), "SELECT pg_terminate_backend(pg_backend_pid())")


def through(shop: Shop, proxy: Proxy, settings: Any, role: str = "reader") -> dict[str, Any]:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{proxy.port}"]
    return shop.credentials(role, host="127.0.0.1", port=proxy.port)


INSERT = "INSERT INTO orders (id) VALUES (70)"


@pytest.mark.parametrize(
    ("needle", "is_there"), [(b"INSERT 0 1", False), (b"COMMIT\x00", True)], ids=["before", "after"]
)
def test_a_line_cut_while_writing_leaves_it_open(shop: Shop, settings: Any, needle: bytes, is_there: bool) -> None:
    with Proxy(shop.host, shop.port, answers=when(needle, "cut")) as proxy:
        with pytest.raises(Uncertain, match="may have had its effect") as caught:
            run(through(shop, proxy, settings, "writer"), INSERT, config=WRITES)
        assert caught.value.may_have_reached
    assert ((70,) in orders(shop)) is is_there
    shop.rows("WITH gone AS (DELETE FROM orders WHERE id = 70 RETURNING id) SELECT * FROM gone")


def test_a_server_that_hangs_after_the_commit_leaves_it_open(shop: Shop, settings: Any) -> None:
    with Proxy(shop.host, shop.port, answers=when(b"COMMIT\x00", "hold")) as proxy:
        began = time.monotonic()
        with pytest.raises(Uncertain, match="no answer came in time"):
            run(through(shop, proxy, settings, "writer"), INSERT, config=WRITES, deadline=3)
        assert time.monotonic() - began < 6
    assert (70,) in orders(shop)
    shop.rows("WITH gone AS (DELETE FROM orders WHERE id = 70 RETURNING id) SELECT * FROM gone")


@pytest.mark.parametrize("verdict", ["cut", "hold"])
def test_a_line_cut_while_reading_may_be_tried_again(shop: Shop, settings: Any, verdict: str) -> None:
    with Proxy(shop.host, shop.port, answers=when(b"FETCH", verdict)) as proxy:
        with pytest.raises(Unavailable) as caught:
            run(through(shop, proxy, settings), "SELECT 1", deadline=3)
        assert not caught.value.may_have_reached


def test_a_cut_before_the_statement_is_no_effect(shop: Shop, settings: Any) -> None:
    with Proxy(shop.host, shop.port, requests=when(b"set_config", "cut")) as proxy, pytest.raises(Unavailable):
        run(through(shop, proxy, settings, "writer"), INSERT, config=WRITES)


@pytest.mark.parametrize("says", [b"", b"N", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"R\x7f\xff\xff\xff" + b"x" * 100])
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_a_stranger_instead_of_a_server_is_given_up(settings: Any, says: bytes, sslmode: str) -> None:
    with stranger(says) as port:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        credentials = {"host": "127.0.0.1", "port": port, "database": "x", "username": "x", "sslmode": sslmode}
        began = time.monotonic()
        with pytest.raises((Unreachable, Permanent)) as caught:
            run({**credentials, "password": "secret-pw"}, "SELECT 1", deadline=2)
        assert time.monotonic() - began < 4 and "secret-pw" not in str(caught.value)


def test_nobody_there_is_unreachable(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:1"]
    credentials = {"host": "127.0.0.1", "port": 1, "database": "x", "username": "x", "password": "p"}
    with pytest.raises(Unreachable, match="Nothing was sent"):
        run(credentials, "SELECT 1")


# --- places ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.5", "::1", "::ffff:127.0.0.1", "2130706433", "0x7f.1", "0"],
)
def test_a_private_address_is_not_connected_to(shop_server: Shop, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.BoundedConnection, "connect", lambda *_, **__: pytest.fail("it tried to connect"))
    with pytest.raises(Forbidden, match="refused"):
        run(shop_server.credentials(host=host, sslmode="require"), "SELECT 1")


@pytest.mark.parametrize(
    "host",
    [
        "/var/run/postgresql",
        "@abstract",
        "a.example,b.example",
        "a.example dbname=x",
        "",
        "a b",
        "a.example:5432",
        "-x",
    ],
)
def test_sockets_and_lists_are_no_hosts(host: str) -> None:
    with pytest.raises(InvalidInput, match="host"):
        connect_with(Postgresql, {"host": host, "database": "x", "username": "x", "password": "p"})


def test_the_checked_address_is_the_one_that_is_connected_to(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(host: str, port: int, timeout: float | None) -> Any:
        asked.append(host)
        return client.checked_addresses.__globals__["_look_up"](shop.host, port)

    monkeypatch.setattr("integrations.addresses._resolve", resolve)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.OUTBOUND_ALLOW", [f"db.shop.invalid:{shop.port}"])
        assert run(shop.credentials(host="db.shop.invalid"), "SELECT 1 AS one").data["rows"] == [{"one": 1}]
    assert asked == ["db.shop.invalid"], "resolved once, by the guard"


@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
def test_a_password_goes_without_tls_to_allowed_hosts_only(sslmode: str) -> None:
    credentials = {"host": "93.184.216.34", "database": "x", "username": "x", "password": "p", "sslmode": sslmode}
    with pytest.raises(Forbidden, match="without TLS"):
        run(credentials, "SELECT 1")


def test_the_environment_changes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGHOST": "other.invalid",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
        "PGPASSFILE": "/etc/passwd",
        "PGOPTIONS": "-c statement_timeout=1",
        "PGSSLMODE": "verify-full",
        "PGTARGETSESSIONATTRS": "standby",
        "PGAPPNAME": "other",
    }.items():
        monkeypatch.setenv(name, value)
    query = "SELECT current_user, current_database(), current_setting('application_name') AS program, pg_sleep(0.01)"
    [row] = run(shop.credentials(), query).data["rows"]
    assert (row["current_user"], row["current_database"], row["program"]) == ("reader", "shop", "supportops")


@pytest.mark.parametrize("database", ["host=/tmp dbname=shop", "postgresql://x@192.0.2.1/y", "shop' port='1"])
def test_a_database_name_is_a_name(shop: Shop, database: str) -> None:
    with pytest.raises(IntegrationError, match="does not exist"):
        run(shop.credentials(database=database), "SELECT 1")


def test_a_certificate_of_nobody_is_refused(shop: Shop) -> None:
    with pytest.raises(Permanent, match="SSL"):
        run(shop.credentials(sslmode="verify-full"), "SELECT 1")


def test_the_connection_test_says_who_we_are_and_warns_of_superusers(shop: Shop) -> None:
    result = connect_with(Postgresql, shop.credentials()).test_connection()
    assert result.data["account"] == Account(f"{shop.host}:{shop.port}/shop", "reader")
    assert "superuser" not in result.message
    with shop.admin() as admin:
        admin.execute("ALTER ROLE writer SUPERUSER")
        try:
            assert "superuser" in connect_with(Postgresql, shop.credentials("writer")).test_connection().message
        finally:
            admin.execute("ALTER ROLE writer NOSUPERUSER")
