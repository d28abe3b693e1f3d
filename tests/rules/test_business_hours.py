"""Business hours in conditions and waits: one answer in live matching, trial and backtest; waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rules import authoring, calendars, trial, verdicts
from rules.calendars import Wish
from rules.catalogue import OrganizationCatalogue
from rules.checking import check
from rules.compiled import compile_rule
from rules.models import Calendar, Event, EventContent, Verdict
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.scope import working_for
from tests.builders import World, browser
from tests.rules.engine import TOOL, Desk, request_to

pytestmark = pytest.mark.django_db(transaction=True)

AFTER = request_to(name="after")
DAY = [{"from": "09:00", "to": "17:00"}]
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), DAY)
# A Friday, and the Monday after it.
FRIDAY, MONDAY = "2026-11-20", "2026-11-23"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def office(desk: Desk) -> Desk:
    with working_for(desk.organization):
        calendars.create(Wish("office", "UTC", WEEK, [{"date": MONDAY, "name": "Off", "hours": []}]))
        calendars.create(Wish("night", "UTC", {"friday": [{"from": "22:00", "to": "06:00"}]}, is_default=True))
    return desk


def listening(desk: Desk, conditions: Any) -> Any:
    return desk.rule(AFTER, trigger={"platform": "freshdesk", "event": "ticket_created", "conditions": conditions})


def verdict(desk: Desk) -> str:
    with working_for(desk.organization):
        row = Verdict.objects.order_by("-pk").first()
        return str(row.outcome) if row else "not_matched"


# --- conditions -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("conditions", "created_at", "outcome"),
    [
        ({"created_at": {"business_hours": "office"}}, f"{FRIDAY}T12:00:00Z", "matched"),
        ({"created_at": {"business_hours": "office"}}, f"{FRIDAY}T17:00:00Z", "not_matched"),
        ({"created_at": {"business_hours": "office"}}, f"{MONDAY}T12:00:00Z", "not_matched"),
        ({"created_at": {"business_hours": True}}, f"{FRIDAY}T23:00:00Z", "matched"),
        ({"created_at": {"business_hours": False}}, f"{FRIDAY}T23:00:00Z", "not_matched"),
        ({"created_at": {"business_hours": False}}, f"{FRIDAY}T12:00:00Z", "matched"),
        ({"not": {"created_at": {"business_hours": "office"}}}, f"{FRIDAY}T17:00:00Z", "matched"),
        ({"created_at": {"business_hours": "gone"}}, f"{FRIDAY}T12:00:00Z", "could_not_tell"),
        ({"not": {"created_at": {"business_hours": "gone"}}}, f"{FRIDAY}T12:00:00Z", "could_not_tell"),
        ({"created_at": {"business_hours": "office"}}, "yesterday", "could_not_tell"),
        ({"created_at": {"business_hours": "office"}}, None, "not_matched"),
        ({"now": {"business_hours": "office"}}, None, "matched"),
        ({"meta.occurred_at": {"business_hours": "office"}}, None, "matched"),
        ({"meta.type": "ticket_created", "now": {"after": "2026-01-01"}}, None, "matched"),
        ({"created_at": {"before": "-2h"}}, f"{FRIDAY}T09:00:00Z", "matched"),
        ({"created_at": {"before": "-2h"}}, f"{FRIDAY}T11:00:00Z", "not_matched"),
        ({"created_at": {"after": "-2h", "before": "+1h"}}, f"{FRIDAY}T12:30:00Z", "matched"),
    ],
)
def test_live_matching_trial_and_the_events_page_agree(
    office: Desk, conditions: Any, created_at: str | None, outcome: str
) -> None:
    with clock.frozen(at(f"{FRIDAY}T12:00")):
        rule = listening(office, conditions)
        office.ticket(**({"created_at": created_at} if created_at else {}))
        assert verdict(office) == outcome
        with working_for(office.organization):
            event = Event.objects.get()
            content = EventContent.objects.get(pk=event.pk)
            [told] = verdicts.verdicts_of(event, content)
            tried = trial.try_rule(compiled_of(rule), office.event(ticket=content.payload["ticket"]).event, "freshdesk")
    assert (told["outcome"], tried.outcome) == (outcome, outcome)
    if "gone" in str(conditions):
        assert told["explanation"][0]["reason"] == "There is no calendar 'gone'."


def compiled_of(rule: Any) -> Any:
    return compile_rule(rule.pk, new_id(), authoring.live_version(rule).document)


def test_a_change_of_the_calendar_holds_for_the_next_event(office: Desk) -> None:
    with clock.frozen(at(f"{MONDAY}T12:00")):
        listening(office, {"now": {"business_hours": "office"}})
        office.ticket()
        assert verdict(office) == "not_matched"
        with working_for(office.organization):
            calendars.change(Calendar.objects.get(name="office"), Wish("office", "UTC", WEEK))
        office.ticket()
        assert verdict(office) == "matched"


def test_events_without_such_conditions_read_no_calendar(office: Desk, django_assert_max_num_queries: Any) -> None:
    listening(office, {"priority": 4})
    with django_assert_max_num_queries(200) as queries:
        office.ticket()
    assert not any("rules_calendar" in query["sql"] for query in queries.captured_queries)


def test_calendars_are_read_once_for_all_events(office: Desk, django_assert_max_num_queries: Any) -> None:
    listening(office, {"now": {"business_hours": "office"}})
    with django_assert_max_num_queries(400) as queries:
        for _ in range(5):
            office.ticket()
    assert sum('FROM "rules_calendar"' in query["sql"] for query in queries.captured_queries) == 1


def test_a_missing_calendar_is_a_warning_when_saved(office: Desk) -> None:
    document = {
        "name": "Warned",
        "trigger": {
            "platform": "freshdesk",
            "event": "ticket_created",
            "conditions": {"created_at": {"business_hours": "offise"}},
        },
        "steps": [{"wait": {"for": "1h", "calendar": "weekend"}}, {"wait": {"until": "open"}}],
    }
    with working_for(office.organization):
        checked = check(document, OrganizationCatalogue())
    assert checked.problems == []
    places = [(warning.attr, warning.detail.partition(":")[0]) for warning in checked.warnings]
    assert places == [
        ("trigger.conditions", "There is no calendar 'offise' yet (did you mean 'office'?)"),
        ("steps.0.wait.calendar", "There is no calendar 'weekend' yet"),
    ]


# --- waits ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wait", "now", "until"),
    [
        ({"for": "4h", "calendar": "office"}, f"{FRIDAY}T15:00", "2026-11-24T11:00"),
        ({"until": "open", "calendar": "office"}, f"{FRIDAY}T18:00", "2026-11-24T09:00"),
        ({"until": "open"}, f"{FRIDAY}T18:00", f"{FRIDAY}T22:00"),
        ({"for": "30m", "calendar": "default"}, f"{FRIDAY}T18:00", f"{FRIDAY}T22:30"),
        ({"for": "{{ ticket.priority }}h", "calendar": "{{ 'off' + 'ice' }}"}, f"{FRIDAY}T15:00", "2026-11-24T11:00"),
    ],
)
def test_a_wait_keeps_the_hours(office: Desk, wait: dict[str, Any], now: str, until: str) -> None:
    with clock.frozen(at(now)):
        office.rule({"id": "rest", "wait": wait}, AFTER)
        office.ticket()
        office.perform()
        assert office.step("rest").due_at == at(until)
    with clock.frozen(at(until) - timedelta(seconds=1)):
        office.perform()
        assert office.sent(TOOL) == 0
    with clock.frozen(at(until)):
        office.perform()
        assert (office.run.status, office.sent(TOOL)) == ("succeeded", 1)


def test_a_wait_until_hours_begin_is_none_within_them(office: Desk) -> None:
    with clock.frozen(at(f"{FRIDAY}T10:00")):
        office.rule({"wait": {"until": "open", "calendar": "office"}}, AFTER)
        office.ticket()
        office.perform()
        assert office.run.status == "succeeded"


@pytest.mark.parametrize(
    ("wait", "says"),
    [
        ({"for": "1h", "calendar": "gone"}, "There is no calendar 'gone'."),
        ({"for": "366d", "calendar": "night"}, "would never end"),
    ],
)
def test_a_wait_that_cannot_be_told_fails_with_the_reason(office: Desk, wait: dict[str, Any], says: str) -> None:
    office.rule({"id": "rest", "wait": wait})
    office.ticket()
    office.perform()
    assert office.step("rest").status == "failed"
    assert says in office.step("rest").error


@pytest.mark.parametrize(
    ("wait", "says"),
    [
        ({"calendar": "office"}, "Give either"),
        ({"for": "1h", "until": "open"}, "Give either"),
        ({"until": "2026-12-01T09:00:00Z", "calendar": "office"}, "needs none"),
        ({"until": "closing"}, "neither a time"),
        ({"for": "1h", "hours": "office"}, "Parameters: for, until, calendar"),
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(office: Desk, wait: dict[str, Any], says: str) -> None:
    with working_for(office.organization):
        [problem] = check({"name": "x", "steps": [{"wait": wait}]}, OrganizationCatalogue()).problems
    assert says in problem.detail


def test_the_runs_page_says_until_when(office: Desk, world: World) -> None:
    with clock.frozen(at(f"{FRIDAY}T15:00")):
        office.rule({"id": "rest", "wait": {"for": "4h", "calendar": "office"}})
        office.ticket()
        office.perform()
        page = browser(world.ada.owner, world.ada.organization).get(f"/admin/rules/run/{office.run.pk}/change/")
    text = page.content.decode()
    assert "waits until 2026-11-24 11:00:00" in text
    assert "business hours: office" in text
