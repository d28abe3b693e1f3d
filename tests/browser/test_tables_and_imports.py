"""Lookup tables and the import of a .env file in a real browser: both widths, light and dark, nothing complained of."""

from typing import Any

import pytest

from rules.models import LookupTable, Variable
from supportops.tenancy.scope import working_for
from tests.admin_world import History
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
LOOKS = [(1280, "light"), (390, "dark")]
ENV = "CRM_URL=https://crm.acme.com/api\nCRM_TOKEN=canary-0123456789\nLIMIT_PROD=5\nFRESHDESK_API_KEY=canary-desk-0123\nEMPTY="


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_table_is_made_changed_and_deleted(
    ada: History, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    person.open("/admin/rules/lookuptable/")
    page = person.open("/admin/rules/lookuptable/add/")
    assert person.fields_without_label() == []
    page.fill("#id_name", "plans")
    page.fill("#id_text", "key,channel,level\nacme,#acme\nbo,#bo,2\n")
    page.click("button[name=_save], input[name=_save]")
    page.wait_for_load_state("networkidle")
    assert "Line 2 has 2 columns" in page.text_content("#content")
    person.picture(f"table-wrong-{width}-{scheme}")
    page.fill("#id_text", "key,channel,level\nacme,#acme,1\nbo,#bo,2\n")
    page.click("button[name=_continue], input[name=_continue], button[name=_save]")
    page.wait_for_load_state("networkidle")
    with working_for(ada.tenant.organization):
        row = LookupTable.objects.get(name="plans")
    assert row.rows == {"acme": {"channel": "#acme", "level": 1}, "bo": {"channel": "#bo", "level": 2}}
    person.open(f"/admin/rules/lookuptable/{row.pk}/change/")
    person.picture(f"table-{width}-{scheme}")
    person.open(f"/admin/rules/lookuptable/{row.pk}/delete/")
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_file_of_variables_is_looked_at_and_confirmed(
    ada: History, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    person.open("/admin/rules/variable/").click("text=Import a .env file")
    page = person.page
    page.wait_for_url("**/variable/import/")
    assert person.fields_without_label() == []
    person.picture(f"import-{width}-{scheme}")
    page.fill("#id_text", ENV)
    page.click("form.so-page button.so-primary")
    page.wait_for_selector("input[name=sealed]", state="attached")
    assert person.fields_without_label() == []
    assert "canary" not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    person.picture(f"import-plan-{width}-{scheme}")
    page.click("form.so-page button.so-primary")
    page.wait_for_selector(".so-error")
    person.picture(f"import-plan-wrong-{width}-{scheme}")
    page.fill("#id_line4-hosts", "acme.freshdesk.com")
    page.click("form.so-page button.so-primary")
    page.wait_for_url("**/admin/rules/variable/")
    with working_for(ada.tenant.organization):
        row = Variable.objects.get(name="CRM_TOKEN")
        assert (row.is_secret, row.hosts) == (True, ["crm.acme.com"])
        assert Variable.objects.get(name="LIMIT").environment.name == "prod"
    assert person.complaints == []
