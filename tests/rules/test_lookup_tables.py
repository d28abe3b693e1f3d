"""Lookup tables: kept by people, read by the rules that name them, in steps and in conditions."""

from typing import Any

import pytest
from django.core.files.base import ContentFile

from audit.models import AuditEntry
from rules import authoring, interventions, lookup_tables
from rules.backtest import Backtest
from rules.catalogue import OrganizationCatalogue
from rules.cel import library
from rules.checking import check
from rules.compiled import compiled_version
from rules.expressions import ExpressionError, Roots, compile_condition, compile_template
from rules.lookup_tables import tables_at
from rules.models import Event, LookupTable, Verdict
from rules.problems import Refused
from supportops.tenancy.scope import working_for
from tests.belongings import created
from tests.builders import World, browser
from tests.rules.engine import MESSAGE, TOOL, Desk

TEAMS = {"billing": "#billing", "5": {"channel": "#five", "people": ["Ada"]}}
CONTEXT = {"vars": {"teams": TEAMS}, "ticket": {"type": "billing", "group": 5, "none": None, "tags": ["billing", "x"]}}

engine = pytest.mark.django_db(transaction=True)


# --- expressions ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('vars.teams["billing"]', "#billing"),
        ("vars.teams.billing", "#billing"),
        ("vars.teams[ticket.type]", "#billing"),
        ("vars.teams[ticket.group].channel", "#five"),
        ("vars.teams[5].people[0]", "Ada"),
        ('vars.teams.?nobody.orValue("none")', "none"),
        ('vars.teams[?ticket.type].orValue("none")', "#billing"),
        ('vars.teams[?"x"].orValue("none")', "none"),
        ('vars.teams[?ticket.none].orValue("none")', "none"),
        ("vars.teams[?ticket.group].channel.orValue('')", "#five"),
        ('"bill" + "ing" in vars.teams', True),
        ("has(vars.teams.billing) && !has(vars.teams.x)", True),
        ('ticket.tags.map(t, vars.teams[?t].orValue("-"))', ["#billing", "-"]),
        ('ticket.tags.map(t, slug(vars.teams[?t].orValue("-")))', ["billing", ""]),
        ('default(vars.teams[ticket.nothing], "none")', "none"),
        ("vars.teams[ticket.type].startsWith('#')", True),
        ("vars.teams[vars.teams.?x.orValue('billing')]", "#billing"),
    ],
)
def test_what_is_looked_up(text: str, value: Any) -> None:
    template = compile_template(f"{{{{ {text} }}}}", Roots(subjects=("ticket",), steps_before=(), inputs=()))
    rendered = template.render(CONTEXT)
    assert (rendered.value, rendered.warnings) == (value, [])
    assert any(path[:2] == ("vars", "teams") for path in template.paths_used())


def test_a_missing_row_is_null_with_a_warning_and_a_missing_table_is_an_error() -> None:
    for text in ("{{ vars.teams.x }}", '{{ vars.teams["x"] }}', "{{ vars.teams[ticket.tags[1]] }}"):
        rendered = compile_template(text).render(CONTEXT)
        assert rendered.value is None
        assert rendered.warnings == ["The lookup table 'teams' has no row 'x'."]
    for text in ("{{ vars.nope.x }}", "{{ vars.nope[ticket.type] }}", '{{ vars.nope.?x.orValue("") }}'):
        with pytest.raises(ExpressionError, match="There is no lookup table 'nope'"):
            compile_template(text).render(CONTEXT)
    with pytest.raises(ExpressionError, match="key of a lookup table is a text or a whole number"):
        compile_template("{{ vars.teams[1.5] }}").render(CONTEXT)


def test_a_table_is_named_in_the_expression_itself() -> None:
    with pytest.raises(ExpressionError, match="Name the lookup table"):
        compile_condition("size(vars) > 0", Roots())


@pytest.mark.parametrize("key", ["[ticket.type]", '["77"]', "[?ticket.type].orValue('')", '[?"77"].orValue("")'])
def test_only_the_row_goes_to_the_library_whatever_the_size_of_the_table(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, clean = [], library.clean
    monkeypatch.setattr(library, "clean", lambda value: given.append(value) or clean(value))
    context = {"vars": {"big": {str(number): "x" for number in range(5_000)}}, "ticket": {"type": "77"}}
    assert compile_template(f"{{{{ vars.big{key} + '!' }}}}").render(context).value == "x!"
    assert given and all(len(value) <= 2 for value in given)


def test_keys_in_keys_are_read_in_time() -> None:
    text = "vars.teams[?" * 20 + "ticket.tags.map(t, slug(t))[0]" + "].orValue('billing')" * 20
    assert compile_template(f"{{{{ {text} }}}}").render(CONTEXT).value == "billing"


# --- in rules ---------------------------------------------------------------------------------------------------
@pytest.fixture
def kept(desk: Desk) -> Desk:
    with working_for(desk.organization):
        lookup_tables.create_table(name="teams", rows=TEAMS)
        lookup_tables.create_table(name="other", rows={"a": 1})
    return desk


def ask(text: str) -> dict[str, Any]:
    step = {"method": "POST", "url": TOOL, "json": {"found": f"{{{{ {text} }}}}"}}
    return {"id": "call", "action": "http_request", "parameters": step}


@engine
def test_a_step_looks_up_what_the_table_says_when_it_runs(kept: Desk) -> None:
    rule = kept.rule(ask("vars.teams[inputs.team]"), trigger={"platform": "manual"})

    def run() -> None:
        with working_for(kept.organization):
            interventions.start(rule, {"team": "billing"})
        kept.perform()

    run()
    with working_for(kept.organization):
        lookup_tables.change_table(LookupTable.objects.get(name="teams"), rows={"billing": "#new"})
    run()
    assert kept.platform.bodies(TOOL) == [{"found": "#billing"}, {"found": "#new"}]


@engine
def test_a_table_that_is_missing_is_a_warning_when_saved_and_a_failure_when_run(kept: Desk) -> None:
    typed = {"name": "R", "trigger": {"platform": "manual"}, "steps": [ask("vars.tams.billing")]}
    with working_for(kept.organization):
        _, [warning] = authoring.create(typed)
    assert warning.startswith("There is no lookup table 'tams' yet (did you mean 'teams'?)")
    kept.rule(ask("vars.nope.x"))
    kept.ticket()
    kept.perform()
    assert kept.platform.requests == []
    assert "There is no lookup table 'nope'" in kept.step("call").error


@engine
def test_conditions_look_up_too_and_a_change_is_seen_by_the_next_event(kept: Desk) -> None:
    expression = {"expr": "vars.teams[?string(ticket.priority)].orValue('') == '#urgent'"}
    trigger = {"platform": "freshdesk", "event": "ticket_created", "conditions": expression}
    rule = kept.rule(MESSAGE, trigger=trigger)
    [first] = kept.plan(kept.event())
    with working_for(kept.organization):
        lookup_tables.change_table(LookupTable.objects.get(name="teams"), rows={"4": "#urgent"})
    [second] = kept.plan(kept.event())
    assert (first.matched, second.matched) == (0, 1)
    # A trial asks the table as it is now.
    with working_for(kept.organization):
        version = compiled_version(authoring.live_version(rule).pk)
        assert version.tables == {"teams"}
        trial = Backtest(version, rule.pk)
        trial.ask(list(Event.objects.order_by("-pk")))
    assert (trial.result()["matched"], trial.result()["gained_count"]) == (2, 1)


@engine
def test_a_condition_over_a_missing_table_cannot_tell(kept: Desk) -> None:
    conditions = {"expr": "vars.gone[ticket.subject] == 'x'"}
    trigger = {"platform": "freshdesk", "event": "ticket_created", "conditions": conditions}
    kept.rule(MESSAGE, trigger=trigger)
    kept.ticket()
    with working_for(kept.organization):
        assert Verdict.objects.get().outcome == "could_not_tell"
        checked = check({"name": "R", "trigger": trigger, "steps": [MESSAGE]}, OrganizationCatalogue())
    assert [(warning.attr, warning.code) for warning in checked.warnings] == [("trigger.conditions", "unknown_table")]


@engine
def test_rules_that_name_no_table_ask_for_none(kept: Desk, django_assert_max_num_queries: Any) -> None:
    kept.rule(MESSAGE)
    with django_assert_max_num_queries(300) as queries:
        kept.ticket()
        kept.perform()
    assert not any("rules_lookuptable" in query["sql"] for query in queries.captured_queries)


@pytest.mark.django_db
def test_tables_are_read_by_name_once_for_each_version(world: World, django_assert_num_queries: Any) -> None:
    with working_for(world.ada.organization):
        lookup_tables.create_table(name="teams", rows=TEAMS)
        lookup_tables.create_table(name="other", rows={})
        with django_assert_num_queries(1):
            assert tables_at({"teams", "none"}, 7) == {"teams": TEAMS}
        with django_assert_num_queries(0):
            assert tables_at({"teams", "none"}, 7) == {"teams": TEAMS}
        with django_assert_num_queries(1):
            tables_at({"teams"}, 8)
    with working_for(world.bo.organization):
        assert tables_at({"teams"}, 7) == {}


def test_what_is_kept_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr(lookup_tables, "_MOST_BYTES_KEPT", 2_000)
    with working_for(world.ada.organization):
        for name in "abcdef":
            lookup_tables.create_table(name=name, rows={"x": "y" * 300})
            tables_at({name}, 1)
    assert len(lookup_tables._kept) == 2


# --- the API ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
class TestApi:
    def made(self, world: World, **fields: Any) -> dict[str, Any]:
        return created(world.ada.api, "/api/lookup-tables/", {"name": "teams", "rows": TEAMS, **fields})

    def test_a_table_is_made_read_changed_and_deleted(self, world: World) -> None:
        made = self.made(world, description="Who helps")
        assert (made["rows"], made["row_count"], made["used_by"]) == (TEAMS, 2, [])
        address = f"/api/lookup-tables/{made['id']}/"
        [listed] = world.ada.api.get("/api/lookup-tables/").json()["results"]
        assert (listed["name"], listed["row_count"], "rows" in listed) == ("teams", 2, False)
        changed = world.ada.api.patch(address, {"rows": {"billing": "#new", "x": 1}}, format="json").json()
        assert changed["rows"] == {"billing": "#new", "x": 1} and changed["description"] == "Who helps"
        assert world.ada.api.delete(address).status_code == 204
        with working_for(world.ada.organization):
            entries = list(AuditEntry.objects.filter(action__startswith="lookup_table.").order_by("pk"))
        assert [entry.action.partition(".")[2] for entry in entries] == ["created", "changed", "deleted"]
        assert entries[1].changes["added"] == {"count": 1, "keys": ["x"]}
        assert entries[1].changes["changed"]["keys"] == ["billing"] and entries[1].changes["removed"]["keys"] == ["5"]

    @pytest.mark.parametrize(
        ("fields", "attr"),
        [
            ({"name": "my teams"}, "name"),
            ({"rows": [1]}, "rows"),
            ({"rows": {"a": None}}, "rows"),
            ({"rows": {"a": "x" * 600_000}}, "rows"),
            ({"description": "x" * 501}, "description"),
        ],
    )
    def test_what_is_wrong_is_named(self, world: World, fields: dict[str, Any], attr: str) -> None:
        body = {"name": "teams", "rows": {}, **fields}
        answer = world.ada.api.post("/api/lookup-tables/", body, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr), answer.content

    def test_names_are_unique_and_tables_are_counted(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made(world)
        again = world.ada.api.post("/api/lookup-tables/", {"name": "teams", "rows": {}}, format="json")
        assert (again.status_code, again.json()["errors"][0]["code"]) == (400, "not_unique")
        monkeypatch.setattr(lookup_tables, "MOST_TABLES", 1)
        more = world.ada.api.post("/api/lookup-tables/", {"name": "more", "rows": {}}, format="json")
        assert (more.status_code, more.json()["errors"][0]["code"]) == (400, "too_many")

    def test_rows_come_and_go_as_files(self, world: World) -> None:
        address = f"/api/lookup-tables/{self.made(world)['id']}/rows"
        client = world.ada.api
        csv = "key,channel,level\nbilling,#b,2\nrefund,#r,3\n"
        rows = {"billing": {"channel": "#b", "level": 2}, "refund": {"channel": "#r", "level": 3}}
        put = client.put(address, csv, content_type="text/csv")
        assert (put.status_code, put.json()["rows"]) == (200, rows)
        got = client.get(address)
        assert got["content-type"] == "text/csv; charset=utf-8" and 'filename="teams.csv"' in got["content-disposition"]
        assert got.content.decode().replace("\r\n", "\n") == csv
        got = client.get(address + "?format=json")
        assert (got["content-type"], got.json()) == ("application/json; charset=utf-8", rows)
        assert client.put(address, TEAMS, format="json").json()["rows"] == TEAMS
        assert client.get(address)["content-type"].startswith("application/json")
        refused = client.get(address + "?format=csv")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "not_csv")
        upload = {"file": ContentFile(b"key;value\r\na;b\r\n", "teams.csv")}
        assert client.put(address, upload, format="multipart").json()["rows"] == {"a": "b"}

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (b"key,value\na", "Line 2 has 1 columns"),
            (b"key,value\na,\xff", "line 2"),
            (b"", "The text is empty"),
            (b"[", "Line 1"),
        ],
    )
    def test_a_bad_file_changes_nothing_and_says_where(self, world: World, body: bytes, told: str) -> None:
        address = f"/api/lookup-tables/{self.made(world)['id']}/"
        answer = world.ada.api.put(address + "rows", body, content_type="text/csv")
        assert answer.status_code == 400 and told in answer.json()["errors"][0]["detail"]
        assert world.ada.api.get(address).json()["rows"] == TEAMS

    def test_deleting_says_which_rules_name_it(self, world: World) -> None:
        made = self.made(world)
        rule = {"name": "Asker", "trigger": {"platform": "manual"}, "steps": [ask("vars.teams.billing")]}
        created(world.ada.api, "/api/rules/", rule)
        address = f"/api/lookup-tables/{made['id']}/"
        assert world.ada.api.get(address).json()["used_by"] == ["Asker"]
        answer = world.ada.api.delete(address)
        assert answer.status_code == 200 and "'Asker'" in answer.json()["warnings"][0]
        assert world.ada.api.get(address).status_code == 404

    def test_a_deed_refuses_what_the_api_would(self, world: World) -> None:
        with working_for(world.ada.organization), pytest.raises(Refused):
            lookup_tables.create_table(name="9 lives", rows={})


# --- the admin --------------------------------------------------------------------------------------------------
@pytest.mark.django_db
class TestAdmin:
    ADD = "/admin/rules/lookuptable/add/"

    def test_a_table_is_pasted_uploaded_and_downloaded(self, world: World) -> None:
        client = browser(world.ada.owner)
        fields = {"name": "teams", "description": "", "text": "key,value\nbilling,#billing"}
        assert client.post(self.ADD, fields, format="multipart").status_code == 302
        [row] = world.ada.api.get("/api/lookup-tables/").json()["results"]
        address = f"/admin/rules/lookuptable/{row['id']}/"
        assert "billing,#billing" in client.get(address + "change/").content.decode()
        upload = {**fields, "upload": ContentFile(b'{"a": {"b": [1]}}', "t.json")}
        assert client.post(address + "change/", upload, format="multipart").status_code == 302
        assert client.get(address + "json/").json() == {"a": {"b": [1]}}
        told = client.get(address + "csv/", follow=True).content.decode()
        assert "CSV cannot hold these rows" in told

    def test_a_bad_text_is_told_by_line_and_what_was_typed_stays(self, world: World) -> None:
        fields = {"name": "teams", "text": "key,value\na\nb,1,2"}
        page = browser(world.ada.owner).post(self.ADD, fields, format="multipart").content.decode()
        assert "Line 2 has 1 columns" in page and "Line 3 has 3 columns" in page and "b,1,2" in page

    def test_deleting_says_which_rules_name_it(self, world: World) -> None:
        with working_for(world.ada.organization):
            table = lookup_tables.create_table(name="teams", rows=TEAMS)
            authoring.create({"name": "Asker", "trigger": {"platform": "manual"}, "steps": [ask("vars.teams.billing")]})
        client = browser(world.ada.owner)
        address = f"/admin/rules/lookuptable/{table.pk}/delete/"
        assert "fail without it: &#x27;Asker&#x27;" in client.get(address).content.decode()
        page = client.post(address, {"post": "yes"}, format="multipart", follow=True).content.decode()
        assert "fail without it: &#x27;Asker&#x27;" in page
        with working_for(world.ada.organization):
            assert not LookupTable.objects.exists()
