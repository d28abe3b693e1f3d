"""The figures of matching come from a run in which the index and asking every rule agreed."""

import orjson
import pytest

from rules.index import RuleIndex
from supportops.running.bench.matching import measure


def test_the_index_and_asking_every_rule_are_measured_side_by_side() -> None:
    figures = measure(200, seconds=0.05)
    assert figures["rules"] == 200
    assert 1_200 < figures["event_bytes"] < 1_500
    assert figures["matches_per_event"] > 0
    assert figures["index_events_per_second"] > figures["plain_events_per_second"] > 0
    orjson.dumps(figures)


def test_no_figures_are_given_when_they_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RuleIndex, "match", lambda *arguments: [])
    with pytest.raises(AssertionError, match="do not agree"):
        measure(200, seconds=0.01)
