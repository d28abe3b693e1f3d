"""A calendar made by hand in a real browser: rows added and removed, wrong ones told, both widths, light and dark."""

from typing import Any

import pytest

from rules.models import Calendar
from supportops.tenancy.scope import working_for
from tests.admin_world import History
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


def test_a_calendar_is_made_by_hand(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/rules/calendar/add/")
    assert person.fields_without_label() == []
    page.fill("#id_name", "Support Berlin")
    page.select_option("#id_zone", "Europe/Berlin")
    monday = page.locator(".so-calendar-day").first
    monday.locator("input[name=week-monday-to]").first.fill("12:00")
    monday.locator("input[name=week-monday-from]").nth(1).fill("11:00")
    monday.locator("input[name=week-monday-to]").nth(1).fill("17:00")
    monday.locator("[data-row-add]").click()
    assert monday.locator("[data-row]").count() == 3
    holidays = page.locator(".so-calendar-holidays")
    for number, (date, name) in enumerate(
        [("2026-12-25", "Christmas"), ("2026-12-26", "Boxing Day"), ("2026-12-24", "Eve")]
    ):
        if holidays.locator("[data-row]").count() <= number:
            holidays.locator("[data-row-add]").click()
        row = holidays.locator("[data-row]").nth(number)
        row.locator("input[type=date]").fill(date)
        row.locator("input[type=text]").fill(name)
    holidays.locator("[data-row-clear]").nth(1).click()
    page.click("button[name=_save], input[name=_save]")
    page.wait_for_load_state("networkidle")
    assert "Monday: 09:00 to 12:00 and 11:00 to 17:00 overlap." in page.text_content("#content")
    monday = page.locator(".so-calendar-day").first
    monday.locator("input[name=week-monday-from]").nth(1).fill("13:00")
    page.click("button[name=_save], input[name=_save]")
    page.wait_for_url("**/admin/rules/calendar/")
    with working_for(ada.tenant.organization):
        row = Calendar.objects.get(name="Support Berlin")
    assert row.hours["monday"] == [{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:00"}]
    assert [one["name"] for one in row.holidays] == ["Eve", "Christmas"]
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_pages_fit_the_screen(ada: History, browser: Any, live_server: Any, width: int, scheme: str) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    with working_for(ada.tenant.organization):
        row = Calendar.objects.get()
    person.open("/admin/rules/calendar/")
    person.open(f"/admin/rules/calendar/{row.pk}/change/")
    assert person.complaints == []
