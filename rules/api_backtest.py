"""The API's addresses for trying rules on what happened."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from rest_framework import serializers

from audit.recording import record
from rules.backtest import MOST_EVENTS
from rules.models import Rule
from supportops import clock
from supportops.api.errors import ApiProblem
from supportops.jobs import running
from supportops.jobs.models import Job

_DAYS = 7


class BacktestSerializer(serializers.Serializer[Any]):
    """Which stored events to try; the newest `limit` of the last seven days when nothing is said."""

    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=MOST_EVENTS, default=1000)


class UnsavedBacktestSerializer(BacktestSerializer):
    """The same for a document that is not saved; `rule` is the one whose verdicts of the time it is held against."""

    document = serializers.DictField()
    rule = serializers.UUIDField(required=False)


class JobStartedSerializer(serializers.Serializer[Any]):
    job = serializers.UUIDField()


def start_backtest(given: Mapping[str, Any], document: Mapping[str, Any], rule: Rule | None) -> Job:
    """Start the job that tries a checked document. Raises ApiProblem for a window that is none."""
    trigger = document.get("trigger")
    if not isinstance(trigger, Mapping) or trigger.get("event") is None:
        raise ApiProblem("trigger", "no_events", "No event wakes this rule: there is nothing to try it on.")
    until = given.get("until") or clock.now()
    since = given.get("since") or until - timedelta(days=_DAYS)
    if since >= until:
        raise ApiProblem("since", "invalid", "`since` is before `until`.")
    parameters = {
        "document": dict(document),
        "rule": str(rule.pk) if rule else None,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "limit": given["limit"],
    }
    about = {name: parameters[name] for name in ("since", "until", "limit")}
    with transaction.atomic():
        record("rule.backtested", rule, changes={**about, "saved": rule is not None})
        return running.start("rules.backtest", parameters, total=given["limit"])
