"""Templates whose steps use what earlier ones brought: run on the samples of their platforms, at recording servers."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from integrations import lifecycle
from rules import calendars, gallery, installing, interventions, trial
from rules.api_runs import run_as_dict
from rules.execution import perform_due
from rules.models import Rule
from rules.planning import Incoming
from rules.timer_firing import fire_due
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.fake_platform import in_place_of_the_network
from tests.integrations.samples import CREDENTIALS
from tests.rules.engine import Desk
from tests.rules.test_gallery import GIVEN

pytestmark = pytest.mark.django_db(transaction=True)

PLATFORMS = ("slack", "jira", "zendesk", "freshdesk", "telegram", "pagerduty")
SLACK = "https://slack.com/api"
JIRA = "https://acme.atlassian.net/rest/api/3"
ZENDESK = "https://acme.zendesk.com/api/v2"
TELEGRAM = f"https://api.telegram.org/bot{CREDENTIALS['telegram']['bot_token']}"
FOUND = {"count": 1, "results": [{"id": 7, "subject": "No login"}]}


@pytest.fixture
def desk(world: World, settings: Any) -> Iterator[Desk]:
    settings.PLATFORM_LIMITS = dict.fromkeys(PLATFORMS)
    with in_place_of_the_network() as network, working_for(world.ada.organization):
        for key in PLATFORMS:
            lifecycle.create(platform=key, name=key, credentials=CREDENTIALS[key])
        network.on("POST", f"{SLACK}/chat.postMessage", {"ok": True, "ts": "1.2", "channel": "C1"})
        network.on("POST", f"{SLACK}/conversations.create", {"ok": True, "channel": {"id": "C9", "name": "incident-2"}})
        network.on("POST", f"{SLACK}/conversations.setTopic", {"ok": True})
        network.on("POST", f"{JIRA}/issue", {"id": "1", "key": "OPS-7"}, status=201)
        for place in ("tickets", "tickets.json"):
            network.on("POST", f"{ZENDESK}/{place}", {"ticket": {"id": 7}}, status=201)
        for place in ("tickets/35436", "tickets/35436.json"):
            network.on("PUT", f"{ZENDESK}/{place}", {"ticket": {"id": 35436}, "audit": {"id": 3, "events": []}})
        for place in ("search", "search.json"):
            network.on("GET", f"{ZENDESK}/{place}", FOUND)
        network.on("POST", "https://acme.freshdesk.com/api/v2/tickets", {"id": 7, "subject": "x"}, status=201)
        network.on("POST", f"{TELEGRAM}/sendMessage", {"ok": True, "result": {"message_id": 12, "chat": {"id": 1}}})
        network.on(
            "POST",
            "https://events.pagerduty.com/v2/enqueue",
            lambda _: httpx.Response(202, json={"status": "success", "dedup_key": "k"}),
        )
        yield Desk(world.ada.organization, network)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("bug-ticket-jira", "OPS-7"),
        ("escalate-command", "Ticket 7 is open: 4711 payment fails"),
        ("incident-channel", '"channel":"C9"'),
        ("telegram-ticket", "Ticket 7 is open."),
        ("nightly-digest", "*1 open tickets.* The oldest:\\n#7 No login"),
        ("sla-watch", "#7 No login"),
    ],
)
def test_the_last_call_has_what_the_earlier_ones_brought(desk: Desk, key: str, words: str) -> None:
    installing.install(gallery.template(key), GIVEN.get(key, {}), is_enabled=True)
    rule = Rule.objects.get()
    trigger = interventions.live_document(rule).trigger
    if trigger.events:
        event = trial.sample_event(trigger.platform, trigger.events)
        desk.plan(Incoming(event=event, platform=trigger.platform, key="one", received_at=clock.now()))
    else:
        interventions.start(rule, {})
    perform_due()
    assert desk.run.status == "succeeded", [(s["status"], s["error"]) for s in run_as_dict(desk.run.pk)["steps"]]
    assert set(desk.statuses().values()) == {"succeeded"}, desk.statuses()
    last = desk.platform.requests[-1].content.decode()
    assert words.replace(" ", "") in last.replace(" ", "").replace("+", "").replace("%20", ""), last


@pytest.mark.parametrize(
    ("key", "due", "words"),
    [
        ("ticket-untouched", "2026-11-23T10:00:00", "Untouched for 4 business hours"),
        ("ticket-due-soon", "2026-11-23T09:00:00", "Due in 60 minutes and not solved"),
    ],
)
def test_a_template_that_waits_tells_at_its_time(desk: Desk, key: str, due: str, words: str) -> None:
    planned, due_at = datetime(2026, 11, 20, 14, tzinfo=UTC), datetime.fromisoformat(due).replace(tzinfo=UTC)
    week = {day: [{"from": "09:00", "to": "17:00"}] for day in ("monday", "friday")}
    with clock.frozen(planned):
        calendars.create(calendars.Wish("office", "UTC", week, is_default=True))
        installing.install(gallery.template(key), {}, is_enabled=True)
        event = replace(trial.sample_event("freshdesk", ["ticket_created"]), occurred_at=planned)
        desk.plan(Incoming(event=event, platform="freshdesk", key="one", received_at=planned))
    with clock.frozen(due_at - timedelta(seconds=1)):
        assert fire_due() == 0
    with clock.frozen(due_at):
        assert fire_due() == 1
        perform_due()
    assert desk.run.status == "succeeded", [(s["status"], s["error"]) for s in run_as_dict(desk.run.pk)["steps"]]
    assert words.replace(" ", "") in desk.platform.requests[-1].content.decode().replace(" ", "").replace("+", "")
