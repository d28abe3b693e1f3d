"""What the start says of the operator's settings for the way out."""

from typing import Any

import pytest
from pytest_django import Settings

from integrations.checks import check_outbound_settings


def test_nothing_set_and_all_well_set(settings: Settings) -> None:
    assert check_outbound_settings(None) == []
    settings.OUTBOUND_ALLOW = ["127.0.0.1:4010", "internal.example"]
    settings.PLATFORM_URLS = {"slack": "http://127.0.0.1:4010/slack"}
    settings.PLATFORM_LIMITS = {"slack": None, "zendesk": {"calls": 5, "seconds": 1}}
    assert check_outbound_settings(None) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OUTBOUND_ALLOW", ["http://a"], "'http://a' in SUPPORTOPS_OUTBOUND_ALLOW"),
        ("PLATFORM_URLS", ["x"], "must be an object"),
        ("PLATFORM_URLS", {"slack": "ftp://a"}, "'slack': Only http and https"),
        ("PLATFORM_URLS", {"slack": 7}, "'slack': The address is not a valid URL"),
        ("PLATFORM_URLS", {"slack": "http://u:p@a/"}, "'slack': An address may not hold"),
        ("PLATFORM_LIMITS", 7, "must be an object"),
        ("PLATFORM_LIMITS", {"slack": {"calls": 0}}, "SUPPORTOPS_PLATFORM_LIMITS: 'slack'"),
    ],
)
def test_named_when_wrong(settings: Settings, name: str, value: Any, said: str) -> None:
    setattr(settings, name, value)
    (problem,) = check_outbound_settings(None)
    assert said in str(problem.msg)
