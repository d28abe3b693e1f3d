"""Set-up steps come from the README beside a connector."""

from integrations import readmes
from integrations.base import BaseIntegration
from integrations.connectors.freshdesk.connector import Freshdesk
from integrations.connectors.slack.connector import Slack


def test_the_steps_for_receiving_are_one_section() -> None:
    steps = readmes.setup_of_webhook(Slack)
    assert steps.startswith("1. Under **Basic Information**") and "Known quirks" not in steps


def test_where_there_are_several_ways_each_is_named() -> None:
    steps = readmes.setup_of_webhook(Freshdesk)
    assert steps.count("**Hear of events: ") == 2 and "shared_secret" in steps and "hmac" in steps


def test_a_section_ends_where_the_next_begins() -> None:
    text = "# A\n\n## One\n\nfirst\n\n### inner\n\nmore\n\n## Two\nsecond\n"
    assert readmes.sections(text) == {"One": "first\n\n### inner\n\nmore", "Two": "second"}
    assert readmes.sections("no headings") == {}


def test_no_readme_is_no_text() -> None:
    assert readmes.readme(BaseIntegration) == ""
    assert readmes.readme(type("Made", (BaseIntegration,), {"__module__": "nowhere"})) == ""
