"""The examples of docs/rules.md, held against the checker and the evaluators that rules meet."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from integrations import registry
from integrations.base import BaseIntegration
from integrations.lookup import action_of
from integrations.specs import ActionSpec
from integrations.types import Platforms
from rules.business_time import BusinessHours, UnknownCalendar
from rules.catalogue import KnownIntegration, KnownScripts, KnownVariable
from rules.checking import check
from rules.conditions import compile_conditions, evaluate
from rules.document import RuleDocument, StepDocument
from rules.expressions import Roots, compile_template
from rules.facts import Facts
from rules.operators import OPERATORS
from tests.docs.fenced import ROOT, Block, blocks

PAGE = "docs/rules.md"


class AllConnected:
    """A catalogue of the real platforms, each with one integration."""

    integrations = [
        KnownIntegration(f"id-{key}", key, key, None) for key in ("slack", "trello", "zendesk", "freshdesk")
    ]
    environments = ["dev", "staging", "prod"]
    variables: list[KnownVariable] = []
    tables = frozenset({"teams"})

    scripts = KnownScripts(names=frozenset({"analyze.py"}))

    calendars = ["office", "default"]

    def has_rule(self, reference: str) -> bool:
        return True

    def connector(self, platform: str) -> type[BaseIntegration]:
        return registry.get(platform)

    def action(self, platform: str, action: str) -> tuple[type[BaseIntegration], ActionSpec]:
        return action_of(platform, action, Platforms(0, {}))


class Office:
    """One calendar, open on working days from nine to five; it is the default one."""

    def hours(self, name: str) -> BusinessHours:
        if name not in AllConnected.calendars:
            raise UnknownCalendar(name)
        return BusinessHours(ZoneInfo("UTC"), [[(540, 1020)]] * 5 + [[], []])


def by_place(found: list[Block]) -> Any:
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


@by_place(blocks(PAGE, "yaml", "rule"))
def test_a_rule_is_taken_as_it_stands(block: Block) -> None:
    checked = check(yaml.safe_load(block.text), AllConnected())
    assert (checked.problems, checked.warnings) == ([], [])


@by_place(blocks(PAGE, "yaml", "conditions"))
def test_conditions_answer_as_the_page_says(block: Block) -> None:
    example = yaml.safe_load(block.text)
    now, meta = datetime(2026, 5, 4, 9, tzinfo=UTC), {"type": "x"}
    facts = Facts(example["event"], "ticket", None, now, meta, calendars=Office())
    for asked in example["asked"]:
        verdict = evaluate(compile_conditions(asked["when"], subject="ticket"), facts)
        assert verdict.outcome == asked["then"], (asked, verdict.explanation)


@by_place(blocks(PAGE, "yaml", "expressions"))
def test_expressions_give_what_the_page_says(block: Block) -> None:
    example = yaml.safe_load(block.text)
    for text, value in example["values"].items():
        rendered = compile_template(text, Roots(subjects=("ticket",))).render(example["context"])
        assert rendered.value == value, text


def rows(heading: str) -> set[str]:
    """Return the names in the first column of the table under a heading."""
    text = (ROOT / PAGE).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}


def test_the_page_has_every_operator_and_every_field() -> None:
    assert rows("Conditions") == set(OPERATORS)
    assert rows("Steps") == set(StepDocument.model_fields)
    assert rows("The document") == set(RuleDocument.model_fields)
