"""A stored event done anew: new runs beside the old ones, by the rules of today; history is never rewritten."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from integrations import lifecycle
from rules import authoring
from rules.models import Event, EventContent, Run, Verdict
from rules.planning import Planned
from rules.replay import ContentForgotten, replay_events, stored_event
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, SLACK, Desk, request_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scoped(desk: Desk) -> Any:
    with working_for(desk.organization):
        yield desk


def replay(*events: Event) -> list[Planned]:
    with transaction.atomic():
        return replay_events(events)


def only_event() -> Event:
    event: Event = Event.objects.get()
    return event


def test_a_replay_makes_new_runs_that_name_the_old_ones(scoped: Desk) -> None:
    rule = scoped.rule(MESSAGE)
    scoped.ticket()
    scoped.perform()
    old = scoped.run
    [planned] = replay(only_event())
    [again] = replay(only_event())
    assert (planned.is_repeat, planned.matched, planned.event_id) == (False, 1, only_event().pk)
    new = Run.objects.get(pk=planned.run_ids[0])
    assert (new.cause, new.replay_of_id, new.rule_id, new.event_id) == ("replay", old.pk, rule.pk, old.event_id)
    assert planned.run_ids != again.run_ids
    scoped.perform()
    assert list(Run.objects.values_list("status", flat=True)) == ["succeeded"] * 3
    assert scoped.sent(SLACK) == 3


def test_history_stays_as_it_was(scoped: Desk) -> None:
    scoped.rule(MESSAGE)
    scoped.ticket()
    before = [list(model.objects.order_by("pk").values()) for model in (Event, Verdict)]
    run = Run.objects.values().get()
    replay(only_event())
    assert [list(model.objects.order_by("pk").values()) for model in (Event, Verdict)] == before
    assert Run.objects.values().get(pk=run["id"]) == run
    assert EventContent.objects.count() == 1


def test_it_goes_by_the_rules_of_today(scoped: Desk) -> None:
    changed, off = scoped.rule(MESSAGE), scoped.rule(MESSAGE)
    scoped.ticket()
    authoring.change(changed, {"steps": [request_to(name="tool")], "trigger": _trigger()})
    authoring.set_enabled(off, False)
    new = scoped.rule(MESSAGE)
    [planned] = replay(only_event())
    runs = {run.rule_id: run for run in Run.objects.filter(pk__in=planned.run_ids).select_related("version")}
    assert set(runs) == {changed.pk, new.pk}
    assert (runs[changed.pk].version.number, runs[new.pk].replay_of_id) == (2, None)


def _trigger() -> dict[str, Any]:
    return {"platform": "freshdesk", "event": "ticket_created"}


def test_what_was_known_of_the_event_is_known_again(scoped: Desk) -> None:
    lifecycle.change(scoped.integration("freshdesk"), environment="prod")
    scoped.rule(MESSAGE, trigger={**_trigger(), "environment": "prod"}, late="skip")
    account = scoped.integration("freshdesk").pk
    scoped.plan(scoped.event(integration_id=account, environment="prod", depth=5))
    [planned] = replay(only_event())
    assert Run.objects.get(pk=planned.run_ids[0]).depth == 5
    # An old event is no late one because it is done anew.
    with clock.moved(timedelta(days=3)):
        assert replay(only_event())[0].matched == 1
    content = EventContent.objects.get()
    event = stored_event(only_event(), content)
    assert (event.type, event.external_id, event.payload) == ("ticket_created", "42", content.payload)


def test_without_its_content_nothing_is_done(scoped: Desk) -> None:
    scoped.rule(MESSAGE)
    scoped.ticket()
    scoped.ticket()
    EventContent.objects.filter(pk=Event.objects.order_by("-pk")[0].pk).delete()
    with pytest.raises(ContentForgotten, match="cannot be replayed"):
        replay(*Event.objects.order_by("pk"))
    assert Run.objects.filter(cause="replay").count() == 0
