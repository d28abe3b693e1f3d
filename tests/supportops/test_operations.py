"""What is handed to operators holds: names of metrics, settings, commands and sections are those that there are."""

import json
import re
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from prometheus_client.parser import text_string_to_metric_families

from supportops.status import metrics
from supportops.status.figures import Figures, kept

DEPLOY, DOCS = settings.BASE_DIR / "deploy", settings.BASE_DIR / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Each metric that there is, with its labels, whatever has happened."""
    monkeypatch.setattr(
        kept,
        "get",
        lambda: Figures(
            steps={"work": Figures().jobs, "scripts": Figures().jobs},
            resting={"uncertain": 1, "credentials": 1, "person": 1},
            circuits={("slack", "open"): 1},
        ),
    )
    found: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    return loaded


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    return [*panels, *(rule["expr"] for rule in alerts())]


def test_dashboard_and_alerts_ask_for_metrics_and_labels_that_there_are(told: dict[str, set[str]]) -> None:
    asked: set[str] = set()
    for expression in expressions():
        names = set(re.findall(r"\b(supportops_\w+|up)\b(?!\")", expression))
        assert names, expression
        asked |= names
        assert names <= set(told), expression
        known = set().union(*(told[name] for name in names), {"job", "le"})
        grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
        chosen = set(re.findall(r"[{,](\w+)[=!]~?\"", expression))
        assert grouped | chosen <= known, expression
    missing = {name for name in told if name.startswith("supportops_")} - asked
    assert missing <= {"supportops_rules_matched_total", "supportops_call_duration_seconds_count"}, missing


def test_dashboard_has_panels_with_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_each_alert_says_how_bad_it_is_and_leads_to_a_section() -> None:
    sections = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", OPERATIONS, re.M)
    }
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (path, anchor in sections) == ("docs/operations.md", True), rule["annotations"]["runbook"]


def test_the_page_names_settings_commands_and_files_that_there_are() -> None:
    known = set(re.findall(r"\"(SUPPORTOPS_\w+)\"", (settings.BASE_DIR / "supportops" / "settings.py").read_text()))
    assert set(re.findall(r"SUPPORTOPS_\w+", OPERATIONS)) <= known
    commands = set(re.findall(r"manage\.py (\w+)", OPERATIONS))
    assert {"migrate", "rotate_keys", "verify_audit"} <= commands <= set(get_commands())
    for path in [*re.findall(r"`((?:deploy|docs|requirements)/[\w./-]+)`", OPERATIONS), "docs/settings.md"]:
        assert (settings.BASE_DIR / path).is_file(), path


def test_the_page_names_metrics_that_there_are(told: dict[str, set[str]]) -> None:
    assert set(re.findall(r"`(supportops_\w+)`", OPERATIONS)) <= set(told)


def test_the_defaults_on_the_page_are_those_of_the_settings() -> None:
    kept_days = dict(re.findall(r"\| (\d+) days[^|]*\| `(SUPPORTOPS_\w+)`", OPERATIONS))
    assert len(kept_days) >= 3
    for days, name in re.findall(r"\| (\d+) days[^|]*\| `SUPPORTOPS_(\w+)`", OPERATIONS):
        assert getattr(settings, name) == int(days), name
    logging = settings.LOGGING
    assert f"`SUPPORTOPS_LOG_MEGABYTES` ({logging['megabytes']:g})" in OPERATIONS
    assert f"`SUPPORTOPS_LOG_FILES` ({logging['files']})" in OPERATIONS


def test_addresses_on_the_page_are_answered() -> None:
    from tests.routes import ROUTES

    paths = {re.sub(r"\{\w+\}", "{}", route.split()[1].rstrip("/")) for route in ROUTES}
    named = {
        match.split("?")[0].rstrip("/")
        for match in re.findall(r"(?<![\w.])(/(?:api|healthz|readyz|metrics)[\w/{}-]*)", OPERATIONS)
    }
    named -= {"/api/webhooks"}
    assert named
    assert {re.sub(r"\{\w+\}", "{}", path) for path in named} <= paths
