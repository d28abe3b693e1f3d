"""Calendars: kept by people through API and admin, refused where they would never open, held while rules name them."""

from typing import Any

import pytest

from rules import authoring, calendars
from rules.business_time import DEFAULT, UnknownCalendar
from rules.calendar_uses import calendars_named
from rules.calendars import Calendars, Wish
from rules.icalendar import NotICalendar, holidays_in
from rules.models import Calendar
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.builders import World, browser

pytestmark = pytest.mark.django_db

DAY = [{"from": "09:00", "to": "17:00"}]
OFFICE: dict[str, Any] = {"name": "office", "zone": "Europe/Berlin", "hours": {"monday": DAY, "friday": DAY}}
CHRISTMAS = {"date": "2026-12-25", "name": "Christmas", "hours": []}


def waiting_rule(calendar: str | None, name: str = "Waits") -> dict[str, Any]:
    wait = {"for": "4h", "calendar": calendar} if calendar else {"until": "open"}
    return {"name": name, "trigger": {"platform": "manual"}, "steps": [{"wait": wait}]}


def made(world: World, **fields: Any) -> Any:
    return world.ada.api.post("/api/calendars/", {**OFFICE, **fields}, format="json")


# --- the API ----------------------------------------------------------------------------------------------------
def test_a_calendar_is_kept_as_given_and_audited(world: World) -> None:
    answer = made(world, holidays=[CHRISTMAS, {"date": "2026-12-24", "name": "Eve", "hours": DAY}])
    assert answer.status_code == 201
    row = world.ada.api.get(f"/api/calendars/{answer.json()['id']}/").json()
    assert (row["hours"], row["default"]) == (OFFICE["hours"], False)
    assert [one["date"] for one in row["holidays"]] == ["2026-12-24", "2026-12-25"]
    changed = world.ada.api.patch(f"/api/calendars/{row['id']}/", {"holidays": []}, format="json").json()
    assert (changed["holidays"], changed["zone"]) == ([], "Europe/Berlin")
    audit = world.ada.api.get("/api/audit/logs?resource_type=calendar").json()["results"]
    assert [entry["action"] for entry in audit] == ["calendar.changed", "calendar.created"]
    assert audit[0]["changes"]["holidays"][1] == []
    assert world.ada.api.delete(f"/api/calendars/{row['id']}/").status_code == 204
    assert world.ada.api.get("/api/calendars/").json()["results"] == []


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({"hours": {}}, "hours"),
        ({"hours": {"monday": []}}, "hours"),
        ({"hours": {"monday": []}, "holidays": [{**CHRISTMAS, "hours": DAY}]}, "hours"),
        ({"hours": {"funday": DAY}}, "hours.funday"),
        ({"hours": {"monday": [{"from": "9"}]}}, "hours.monday.0"),
        ({"hours": {"monday": [{"from": "09:00", "to": "25:00"}]}}, "hours.monday.0"),
        ({"hours": {"monday": [{"from": "09:00", "to": "12:00"}, {"from": "11:00", "to": "17:00"}]}}, "hours.monday"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"name": "default"}, "name"),
        ({"name": " "}, "name"),
        ({"holidays": [{"date": "2026-02-30"}]}, "holidays.0.date"),
        ({"holidays": [CHRISTMAS, CHRISTMAS]}, "holidays.1.date"),
        ({"colour": "red"}, "colour"),
        ({"icalendar": "x"}, "icalendar"),
    ],
)
def test_bad_input_is_told_with_its_place(world: World, fields: dict[str, Any], attr: str) -> None:
    answer = made(world, **fields)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_names_are_unique_and_one_is_the_default(world: World) -> None:
    first = made(world, default=True).json()
    assert made(world).json()["errors"][0]["code"] == "not_unique"
    second = made(world, name="night", default=True).json()
    assert not world.ada.api.get(f"/api/calendars/{first['id']}/").json()["default"]
    assert second["default"]
    assert [row["name"] for row in world.ada.api.get("/api/calendars/?default=true").json()["results"]] == ["night"]


def test_one_that_a_rule_names_is_neither_deleted_nor_renamed(world: World) -> None:
    row = made(world).json()
    with working_for(world.ada.organization):
        rule, _ = authoring.create(waiting_rule("office"))
    address = f"/api/calendars/{row['id']}/"
    for answer in (world.ada.api.delete(address), world.ada.api.patch(address, {"name": "desk"}, format="json")):
        assert (answer.status_code, "'Waits'" in answer.json()["errors"][0]["detail"]) == (409, True)
    assert world.ada.api.patch(address, {"zone": "UTC"}, format="json").status_code == 200
    with working_for(world.ada.organization):
        authoring.delete(rule)
    assert world.ada.api.delete(address).status_code == 204


def test_the_default_one_is_held_by_rules_that_name_none(world: World) -> None:
    row = made(world, default=True).json()
    with working_for(world.ada.organization):
        authoring.create(waiting_rule(None))
    address = f"/api/calendars/{row['id']}/"
    assert world.ada.api.patch(address, {"default": False}, format="json").status_code == 409
    assert world.ada.api.delete(address).status_code == 409
    made(world, name="night", default=True)
    assert world.ada.api.delete(address).status_code == 204


def test_a_change_is_seen_by_workers_with_the_next_event(world: World) -> None:
    before = Organization.objects.get(pk=world.ada.organization.pk).rules_version
    row = made(world).json()
    world.ada.api.patch(f"/api/calendars/{row['id']}/", {"zone": "UTC"}, format="json")
    assert Organization.objects.get(pk=world.ada.organization.pk).rules_version == before + 2


def test_calendars_are_read_by_name(world: World) -> None:
    with working_for(world.ada.organization):
        calendars.create(Wish("office", "UTC", {"monday": DAY}, is_default=True))
        known = Calendars()
        assert known.hours("office") is known.hours("office")
        assert known.hours(DEFAULT).zone.key == "UTC"
        with pytest.raises(UnknownCalendar, match="no calendar 'x'"):
            known.hours("x")
    with working_for(world.bo.organization), pytest.raises(UnknownCalendar, match="no default calendar"):
        Calendars().hours(DEFAULT)


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"trigger": {"conditions": {"any": [{"x": {"business_hours": "a"}}]}}}, {"a"}),
        ({"trigger": {"conditions": {"not": {"x": {"business_hours": True}}}}}, {DEFAULT}),
        ({"trigger": {"conditions": {"field": "x", "op": "business_hours", "value": "b"}}}, {"b"}),
        ({"trigger": {"since": {"for": "4h", "calendar": "c"}}}, {"c"}),
        ({"steps": [{"wait": {"until": "open"}}, {"wait": {"for": "1h", "calendar": "d"}}]}, {"d", DEFAULT}),
        ({"actions": [{"wait": {"for": "1h", "calendar": "{{ env.CALENDAR }}"}}]}, set()),
        ({"trigger": {"conditions": {"business_hours": {"eq": "x"}}}, "steps": [{"wait": {"for": "1h"}}]}, set()),
    ],
)  # fmt: skip
def test_the_names_in_a_document_are_found(document: dict[str, Any], names: set[str]) -> None:
    assert calendars_named(document) == names


# --- iCalendar --------------------------------------------------------------------------------------------------
ICS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20261225\r
DTEND;VALUE=DATE:20261227\r
SUMMARY;LANGUAGE=en:Christmas\\, both\r
  days\r
BEGIN:VALARM\r
SUMMARY:Not this\r
END:VALARM\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART:20261231T120000Z\r
SUMMARY:A meeting\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20260101\r
RRULE:FREQ=YEARLY;UNTIL=20270101\r
SUMMARY:New Year\r
END:VEVENT\r
END:VCALENDAR\r
"""


def test_whole_days_of_an_icalendar_text_become_holidays(world: World) -> None:
    found = [(one["date"], one["name"]) for one in holidays_in(ICS)]
    assert found == [
        ("2026-01-01", "New Year"),
        ("2026-12-25", "Christmas, both days"),
        ("2026-12-26", "Christmas, both days"),
        ("2027-01-01", "New Year"),
    ]
    row = made(world, holidays=[{"date": "2026-12-25", "name": "Ours"}], icalendar=ICS).json()
    assert [one["name"] for one in row["holidays"]] == ["New Year", "Ours", "Christmas, both days", "New Year"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BEGIN:VCALENDAR\nEND:VCALENDAR",
        "BEGIN:VCALENDAR\nEND:VEVENT\nEND:X\nBEGIN:VEVENT\nDTSTART:20269999\nEND:VEVENT",
    ],
)
def test_a_text_without_whole_days_is_refused(text: str) -> None:
    with pytest.raises(NotICalendar):
        holidays_in(text)


# --- the admin --------------------------------------------------------------------------------------------------
def form(**fields: Any) -> dict[str, Any]:
    return {
        "name": "office",
        "zone": "Europe/Berlin",
        "week-monday-from": ["09:00", "13:00", ""],
        "week-monday-to": ["12:00", "17:00", ""],
        "days_off-date": ["2026-12-25", "2026-12-24", ""],
        "days_off-name": ["Christmas", "Eve", ""],
        "days_off-from": ["", "09:00", ""],
        "days_off-to": ["", "12:00", ""],
        **fields,
    }


def test_the_form_takes_rows_and_shows_them_again(world: World) -> None:
    ada = browser(world.ada.owner, world.ada.organization)
    assert ada.post("/admin/rules/calendar/add/", form(is_default="on"), format="multipart").status_code == 302
    with working_for(world.ada.organization):
        row = Calendar.objects.get()
    assert row.hours == {"monday": [{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:00"}]}
    assert row.holidays == [
        {"date": "2026-12-24", "name": "Eve", "hours": [{"from": "09:00", "to": "12:00"}]},
        CHRISTMAS,
    ]
    page = ada.get(f"/admin/rules/calendar/{row.pk}/change/").content.decode()
    assert 'name="week-monday-from" value="13:00"' in page
    assert 'value="2026-12-24"' in page
    emptied = form(**{"days_off-date": [""], "days_off-name": [""], "days_off-from": [""], "days_off-to": [""]})
    assert ada.post(f"/admin/rules/calendar/{row.pk}/change/", emptied, format="multipart").status_code == 302
    row.refresh_from_db()
    assert (row.holidays, row.is_default) == ([], False)


def test_a_wrong_row_is_told_with_its_day_and_nothing_typed_is_lost(world: World) -> None:
    ada = browser(world.ada.owner, world.ada.organization)
    page = ada.post("/admin/rules/calendar/add/", form(**{"week-monday-to": ["12:00", "", ""]}), format="multipart")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Monday: " in text
    assert 'value="13:00"' in text
    closed = ada.post("/admin/rules/calendar/add/", {"name": "x", "zone": "UTC"}, format="multipart").content.decode()
    assert "give at least one day its hours" in closed


def test_the_page_says_which_rules_hold_it(world: World) -> None:
    ada = browser(world.ada.owner, world.ada.organization)
    with working_for(world.ada.organization):
        row = calendars.create(Wish("office", "UTC", {"monday": DAY}))
        authoring.create(waiting_rule("office", "Escalates"))
    assert "Escalates" in ada.get(f"/admin/rules/calendar/{row.pk}/change/").content.decode()
    refused = ada.post(f"/admin/rules/calendar/{row.pk}/delete/", {"post": "yes"}, follow=True, format="multipart")
    assert "cannot be deleted" in refused.content.decode()
    renamed = ada.post(f"/admin/rules/calendar/{row.pk}/change/", form(name="desk"), format="multipart")
    assert "cannot be renamed" in renamed.content.decode()
    with working_for(world.ada.organization):
        assert Calendar.objects.get().name == "office"
