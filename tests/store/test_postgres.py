"""What only the store on PostgreSQL with PostGIS has: servers that are not there or do not let us in, lost connections, SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import psycopg
import pytest

from tests.postgis import emptied, free_port
from tests.store.test_contract import LATER, T1, T2, A, commit, keys
from tests.world import CENTRE, area, square
from twin.errors import InvalidInput, Unavailable
from twin.model import Edit
from twin.ports import Store
from twin.store import open_store, shown

pytestmark = pytest.mark.postgis


@pytest.fixture
def address(postgis: str) -> str:
    return emptied(postgis)


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    with closing(open_store(address)) as opened:
        yield opened


@pytest.fixture
def sql(address: str) -> Iterator[psycopg.Connection]:
    """A connection of somebody else with all rights."""
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@contextmanager
def database(sql: psycopg.Connection, name: str, user: str) -> Iterator[str]:
    """The address of a bare database for a user without rights."""
    sql.execute(f"create role {user} login password 'pw-of-{user}'")
    sql.execute(f"create database {name} template template0")
    try:
        yield re.sub(r"//.*@(.*)/.*", rf"//{user}:pw-of-{user}@\1/{name}", f"{sql_address(sql)}")
    finally:
        sql.execute(f"drop database {name} with (force)")
        sql.execute(f"drop role {user}")


def sql_address(sql: psycopg.Connection) -> str:
    return f"postgresql://{sql.info.user}@{sql.info.host}:{sql.info.port}/{sql.info.dbname}"


def refused(url: str) -> str:
    with pytest.raises(Unavailable) as error:
        open_store(url)
    return f"{error.value.words.en}\n{error.value.words.zh}"


def test_a_server_that_is_not_there_is_told_in_words_without_the_password():
    said = refused(f"postgresql://li:secret@127.0.0.1:{free_port()}/twin")
    assert "postgresql://li:***@127.0.0.1" in said
    assert "whether the server runs" in said
    assert "secret" not in said


def test_a_missing_database_is_told_in_words(address):
    said = refused(address.rpartition("/")[0] + "/nowhere")
    assert '"nowhere" does not exist' in said
    assert "createdb" in said


def test_a_wrong_password_is_told_in_words_without_it(sql):
    hba = Path(sql.execute("show hba_file").fetchone()[0])
    before = hba.read_text()
    with database(sql, "guarded", "guard") as url:
        try:
            hba.write_text("host all guard 127.0.0.1/32 scram-sha-256\n" + before)
            sql.execute("select pg_reload_conf()")
            end = monotonic() + 20
            while "password" not in (said := refused(url.replace("pw-of-guard", "wrong-one"))) and monotonic() < end:
                sleep(0.05)
            assert 'authentication failed for user "guard"' in said
            assert "wrong-one" not in said
        finally:
            hba.write_text(before)
            sql.execute("select pg_reload_conf()")


def test_a_database_without_postgis_says_what_its_administrator_must_do(sql, address):
    with database(sql, "bare", "guest") as url:
        assert "create extension postgis;" in refused(url)
        with psycopg.connect(address.rpartition("/")[0] + "/bare", autocommit=True) as admin:
            admin.execute("create extension postgis")
            assert "create schema twin authorization guest;" in refused(url)
            admin.execute("create schema twin authorization guest")
        with closing(open_store(url)) as store:
            commit(store, Edit("add", A))
            assert keys(store) == ["a"]


def test_postgis_in_a_schema_of_its_own_is_found(sql, address):
    sql.execute("create database elsewhere template template0")
    try:
        other = address.rpartition("/")[0] + "/elsewhere"
        with psycopg.connect(other, autocommit=True) as admin:
            admin.execute("create schema geo")
            admin.execute("create extension postgis schema geo")
        with closing(open_store(other)) as store:
            commit(store, Edit("add", area("310112", "district", square(1000))))
            assert len(store.state(LATER, LATER).rows["areas"]) == 1
    finally:
        sql.execute("drop database elsewhere with (force)")


def test_another_programs_schema_is_refused_and_left_alone(sql, address):
    sql.execute("create schema twin")
    sql.execute("create table twin.brothers (name text)")
    with pytest.raises(InvalidInput, match="brothers"):
        open_store(address)
    assert sql.execute("select count(*) from pg_tables where schemaname = 'twin'").fetchone() == (1,)


def test_a_newer_store_is_refused_with_words(sql, store, address):
    sql.execute("update twin.meta set value = '99' where name = 'schema'")
    with pytest.raises(InvalidInput, match="schema version 99"):
        open_store(address)


@pytest.mark.parametrize("url", ["postgresql://[::1", "postgresql://h:port/db"])
def test_an_address_that_cannot_be_read_is_refused_with_an_example(url):
    with pytest.raises(InvalidInput, match="USER@HOST:PORT/DATABASE"):
        open_store(url)


def test_lost_connections_are_replaced(store, sql):
    commit(store, Edit("add", A))
    gone = sql.execute("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'twin'")
    assert gone.fetchone()[0] >= 1
    assert keys(store) == ["a"]
    commit(store, Edit("add", replace(A, key="b")), at=T2)


def write_slowly(url: str) -> None:
    with closing(open_store(url)) as store, store.writing() as c:
        c.exec_driver_sql("insert into tx values (1, '', '', '', '', 0)")
        c.exec_driver_sql("select pg_sleep(20)")


def test_a_statement_that_takes_too_long_is_told_in_words_and_nothing_is_recorded(address, store):
    with pytest.raises(Unavailable, match="took too long"):
        write_slowly(f"{address}?options=-c%20statement_timeout%3D500")
    assert store.head() == 0


def test_another_writer_is_waited_for_and_then_told_in_words_and_readers_do_not_wait(address, monkeypatch):
    monkeypatch.setattr("twin.store.postgres.LOCK_TIMEOUT_S", 1)
    with closing(open_store(address)) as store, closing(open_store(address)) as other:
        commit(store, Edit("add", A))
        with other.writing():
            with pytest.raises(Unavailable, match="another writer"):
                commit(store, Edit("add", replace(A, key="b")), at=T2)
            assert keys(store) == ["a"]
            with closing(open_store(address)) as late:
                assert late.head() == 1
        commit(store, Edit("add", replace(A, key="b")), at=T2)


def test_a_lost_listener_costs_no_more_than_the_poll(store, address, sql):
    woken: list[int] = []
    waiting = Thread(target=lambda: woken.append(store.wait(0, 30)))
    waiting.start()
    listeners = "from pg_stat_activity where application_name = 'twin' and query ilike 'listen%'"
    end = monotonic() + 20
    while not sql.execute(f"select count(pg_terminate_backend(pid)) {listeners}").fetchone()[0] and monotonic() < end:
        sleep(0.02)
    with closing(open_store(address)) as other:
        commit(other, Edit("add", A))
    waiting.join(20)
    assert woken == [1]


def test_what_holds_now_is_a_view_for_sql_and_gis(store, sql):
    road = replace(A, layer="roads", key="r", geometry=area("x", "zone", square(500)).geometry, attributes={"lanes": 2})
    nowhere = replace(A, key="nowhere", lng=None, lat=None)
    ended = replace(A, key="ended", valid_to=T2)
    commit(store, *(Edit("add", r) for r in (A, road, nowhere, ended, area("310112", "district", square(1000)))))
    commit(store, Edit("change", replace(A, name="renamed"), 1), at=T2)
    found = sql.execute(
        "select id, name, attributes ->> 'lanes', st_srid(geometry), round(st_area(geometry::geography) / 1e6)"
        " from twin.asset_now order by id"
    ).fetchall()
    assert found == [
        ("areas/310112", "310112", None, 4326, 4),
        ("chargers/a", "renamed", None, 4326, 0),
        ("chargers/nowhere", "a", None, None, None),
        ("roads/r", "a", "2", 4326, 1),
    ]
    lng, lat, since = sql.execute(
        "select st_x(geometry), st_y(geometry), valid_from from twin.asset_now where id = 'chargers/a'"
    ).fetchone()
    assert (lng, lat, since) == (*CENTRE, T1)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://li:secret@h:5432/db", "postgresql://li:***@h:5432/db"),
        ("postgresql://li:s@cret/@h/db", "postgresql://li:***@h/db"),
        ("postgresql://li@h/db?password=secret&sslmode=require", "postgresql://li@h/db?password=***&sslmode=require"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("mysql://li:secret@h/db", "mysql://li:***@h/db"),
        ("sqlite:///a:b@c", "sqlite:///a:b@c"),
        ("memory:", "memory:"),
    ],
)
def test_an_address_is_shown_without_its_password(url, expected):
    assert shown(url) == expected
