"""Who acts: the system, until somebody is named; blocks nest."""

import pytest

from audit.context import SYSTEM, Actor, acting_as, current

ADA = Actor("user", "1", "ada@example.com")
HUB = Actor("platform", "slack", "Slack")


def test_the_system_acts_by_default():
    assert current().actor == SYSTEM
    assert (current().ip, current().request_id, current().trace_id) == ("", "", "")


def test_the_inner_actor_holds_and_inherits_the_rest():
    with acting_as(ADA, ip="192.0.2.1", request_id="r", trace_id="t"):
        with acting_as(HUB, trace_id="u"):
            assert (current().actor, current().ip, current().request_id, current().trace_id) == (
                HUB,
                "192.0.2.1",
                "r",
                "u",
            )
        with acting_as(trace_id="v"):
            assert (current().actor, current().trace_id) == (ADA, "v")
        assert (current().actor, current().trace_id) == (ADA, "t")


def test_an_error_ends_the_block():
    with pytest.raises(KeyError), acting_as(ADA):
        raise KeyError
    assert current().actor == SYSTEM
