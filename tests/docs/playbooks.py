"""What each file of docs/examples needs, is started with, and sends: the calls in order, with what stands in them."""

import base64
from dataclasses import dataclass, field
from typing import Any

import httpx

SLACK = "POST https://slack.com/api/chat.postMessage"
JIRA = "https://acme.atlassian.net/rest/api/3"
GITHUB = "https://api.github.com/repos/acme/website"
EVENTS = "https://events.pagerduty.com/v2/enqueue"
SHOP = "https://shop.example.com/api"
RESTART = "POST https://deploy.example.com/api/services/web/restart"
WORKFLOW = f"{GITHUB}/actions/workflows/deploy.yml/dispatches"
HEALTH = "https://status.example.com/api/services"
ZENDESK = "https://acme.zendesk.com/api/v2"
ISSUE = {"id": 70, "number": 7, "title": "Hi", "html_url": "https://github.com/acme/website/issues/7", "state": "open"}
SAID = {"ok": True, "ts": "1.2", "channel": "C1"}


@dataclass(frozen=True)
class Call:
    """A request that arrives: `what` is its method and address; its parts must hold at least what is given here."""

    what: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Playbook:
    """One way through a file: inputs (or none, where an event starts it), answers by call, and the calls made."""

    file: str
    calls: list[Call]
    inputs: dict[str, Any] | None = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    # How steps end that do not succeed.
    others: dict[str, str] = field(default_factory=dict)
    # So many of the first calls are made side by side, and may arrive in any order.
    at_once: int = 0


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of a basic sign-in."""
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def refused(_: httpx.Request) -> httpx.Response:
    return httpx.Response(422, json={"message": "no such unit"})


def _status(status: int, answer: Any = None) -> Any:
    return lambda _: httpx.Response(status, json=answer)


ALL = [
    Playbook(
        "slack-message",
        [Call(SLACK, {"channel": "#support", "text": "*Note from Ada*: 3 &lt; 4 tickets"})],
        {"text": "3 < 4 tickets"},
        {SLACK: SAID},
    ),
    Playbook(
        "jira-ticket",
        [
            Call(
                f"POST {JIRA}/issue",
                {
                    "fields": {
                        "summary": "No login",
                        "project": {"key": "OPS"},
                        "issuetype": {"name": "Task"},
                        "priority": {"name": "Highest"},
                        "labels": ["support", "severity-critical"],
                    }
                },
            ),
            Call(f"POST {JIRA}/issue/OPS-7/comment"),
        ],
        {"title": "No login", "severity": "critical"},
        {
            f"POST {JIRA}/issue": _status(201, {"id": "10042", "key": "OPS-7"}),
            f"POST {JIRA}/issue/OPS-7/comment": _status(201, {"id": "9"}),
        },
    ),
    Playbook(
        "pagerduty-page",
        [
            Call(
                f"POST {EVENTS}",
                {
                    "event_action": "trigger",
                    "dedup_key": "support-web-shop",
                    "payload": {"summary": "Web shop: no payments", "severity": "critical", "source": "Web shop"},
                },
            )
        ],
        {"service": "Web shop", "summary": "no payments"},
        {f"POST {EVENTS}": _status(202, {"status": "success", "dedup_key": "support-web-shop"})},
    ),
    Playbook(
        "datadog-event",
        [
            Call(
                "POST https://api.datadoghq.com/api/v1/events",
                {"title": "Release 4.2", "text": "Rolled back.", "alert_type": "error"},
            )
        ],
        {"version": "4.2", "failed": True},
        {"POST https://api.datadoghq.com/api/v1/events": _status(202, {"event": {"id": 1, "id_str": "1"}})},
    ),
    Playbook(
        "github-issue",
        [
            Call(f"POST {GITHUB}/issues", {"title": "Typo", "labels": ["docs", "easy"]}),
            Call(f"POST {GITHUB}/issues/7/comments"),
        ],
        {"title": "Typo", "labels": ["docs", "easy"]},
        {
            f"POST {GITHUB}/issues": _status(201, ISSUE),
            f"POST {GITHUB}/issues/7/comments": _status(201, {"id": 9, "html_url": f"{ISSUE['html_url']}#9"}),
        },
    ),
    Playbook(
        "email",
        [
            Call(
                "POST https://api.sendgrid.com/v3/mail/send",
                {
                    "personalizations": [{"to": [{"email": "grace@northwind.example"}, {"email": "b@acme.example"}]}],
                    "subject": "Thank you, Grace & Co",
                    "content": [
                        {"type": "text/plain", "value": "Dear Grace & Co,\n\nthank you for your patience.\n"},
                        {
                            "type": "text/html",
                            "value": "<p>Dear <b>Grace &amp; Co</b>,</p><p>thank you for your patience.</p>",
                        },
                    ],
                },
            )
        ],
        {"to": ["grace@northwind.example", "b@acme.example"], "customer": "Grace & Co"},
        {"POST https://api.sendgrid.com/v3/mail/send": _status(202)},
    ),
    Playbook(
        "http-chain",
        [
            Call(f"GET {SHOP}/customers/41"),
            Call(f"GET {SHOP}/orders", query={"email": "grace@northwind.example", "limit": "5"}),
            Call(
                "POST https://crm.example.com/api/summaries",
                {
                    "customer": "Grace",
                    "is_vip": True,
                    "orders": [7, 8],
                    "last_total": 12.5,
                    "text": "Grace has 2 orders",
                },
            ),
        ],
        {"customer_id": 41},
        {
            f"GET {SHOP}/customers/41": {"name": "Grace", "email": "grace@northwind.example", "is_vip": True},
            f"GET {SHOP}/orders": {"orders": [{"id": 7, "total": 12.5}, {"id": 8, "total": 3}]},
            "POST https://crm.example.com/api/summaries": {"ok": True},
        },
    ),
    Playbook(
        "http-chain",
        [Call(f"GET {SHOP}/customers/41"), Call(f"GET {SHOP}/orders")],
        {"customer_id": 41},
        {f"GET {SHOP}/customers/41": {"name": "Grace", "email": "g@x.example"}, f"GET {SHOP}/orders": {"orders": []}},
        name="nothing to sum up",
        others={"post-summary": "skipped"},
    ),
    Playbook(
        "restart-with-fallback",
        [
            Call(RESTART),
            Call(f"POST {EVENTS}", {"payload": {"severity": "critical"}}),
            Call(SLACK, {"channel": "#ops", "text": "Paged on-call: web"}),
        ],
        {"service": "web"},
        {RESTART: refused, f"POST {EVENTS}": _status(202, {"status": "success", "dedup_key": "k"}), SLACK: SAID},
        name="falls back",
        others={"try-restart": "failed"},
    ),
    Playbook(
        "restart-with-fallback",
        [Call(RESTART), Call(SLACK, {"text": "Restarted: web"})],
        {"service": "web"},
        {RESTART: {"restarted": True}, SLACK: SAID},
        name="restarts",
        others={"page-on-call": "skipped"},
    ),
    Playbook(
        "conditional-routing",
        [Call(SLACK, {"channel": "#incidents", "text": "*Critical*", "attachments": [{"color": "danger"}]})],
        {"severity": "critical", "message": "All is dark"},
        {SLACK: SAID},
        name="critical",
    ),
    Playbook(
        "conditional-routing",
        [],
        {"severity": "critical", "message": "All is dark", "notify": False},
        name="not at all",
        others={"notify-team": "skipped"},
    ),
    Playbook(
        "grafana-annotation",
        [
            Call(
                "POST https://acme.grafana.net/api/annotations",
                {"text": "Release", "tags": ["deploy", "web"]},
                headers={"authorization": "Bearer secret-GRAFANA_TOKEN"},
            )
        ],
        {"text": "Release", "tags": ["deploy", "web"]},
        {"POST https://acme.grafana.net/api/annotations": {"id": 1}},
    ),
    Playbook(
        "prometheus-query",
        [
            Call(
                "GET https://prometheus.acme.example/api/v1/query",
                query={
                    "query": 'sum(rate(http_requests_total{job="api",code=~"5.."}[5m])) / '
                    'sum(rate(http_requests_total{job="api"}[5m]))'
                },
            ),
            Call(SLACK, {"text": "Errors of api: 0.07"}),
        ],
        {},
        {
            "GET https://prometheus.acme.example/api/v1/query": {
                "status": "success",
                "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1700000000, "0.07"]}]},
            },
            SLACK: SAID,
        },
    ),
    Playbook(
        "pagerduty-by-http",
        [
            Call(
                f"POST {EVENTS}",
                {"routing_key": "secret-PAGERDUTY_ROUTING_KEY", "payload": {"summary": "Dark", "severity": "error"}},
            ),
            Call(f"POST {EVENTS}", {"event_action": "resolve", "dedup_key": "k-1"}),
        ],
        {"summary": "Dark"},
        {f"POST {EVENTS}": _status(202, {"status": "success", "dedup_key": "k-1"})},
    ),
    Playbook(
        "datadog-by-http",
        [
            Call(
                "POST https://api.datadoghq.com/api/v2/series",
                {"series": [{"metric": "support.tickets.open", "points": [{"value": 12}]}]},
                headers={"dd-api-key": "secret-DATADOG_API_KEY"},
            )
        ],
        {"open_tickets": 12},
        {"POST https://api.datadoghq.com/api/v2/series": _status(202, {"errors": []})},
    ),
    Playbook(
        "github-by-http",
        [
            Call(
                f"POST {WORKFLOW}",
                {"ref": "main", "inputs": {"dry_run": "true"}},
                headers={"authorization": "Bearer secret-GITHUB_TOKEN", "x-github-api-version": "2022-11-28"},
            )
        ],
        {},
        {f"POST {WORKFLOW}": _status(204)},
    ),
    Playbook(
        "jira-by-http",
        [
            Call(
                f"POST {JIRA}/issue",
                {"fields": {"project": {"key": "OPS"}, "summary": "Broken"}},
                headers=basic("ops@acme.example", "secret-JIRA_TOKEN"),
            ),
            Call(f"POST {JIRA}/issue/OPS-7/remotelink", {"object": {"url": "https://acme.freshdesk.com/a/tickets/42"}}),
        ],
        {"summary": "Broken", "ticket_url": "https://acme.freshdesk.com/a/tickets/42"},
        {
            f"POST {JIRA}/issue": _status(201, {"id": "1", "key": "OPS-7"}),
            f"POST {JIRA}/issue/OPS-7/remotelink": _status(201, {"id": 1}),
        },
    ),
    Playbook(
        "zendesk-by-http",
        [
            Call(
                f"GET {ZENDESK}/search.json",
                query={"query": "type:ticket status:open priority:urgent", "sort_order": "asc"},
                headers=basic("ops@acme.example/token", "secret-ZENDESK_TOKEN"),
            ),
            Call(f"PUT {ZENDESK}/tickets/35436.json", {"ticket": {"comment": {"body": "On it", "public": False}}}),
        ],
        {"note": "On it"},
        {
            f"GET {ZENDESK}/search.json": {"count": 2, "results": [{"id": 35436}, {"id": 35437}]},
            f"PUT {ZENDESK}/tickets/35436.json": {"ticket": {"id": 35436}},
        },
    ),
    Playbook(
        "sendgrid-by-http",
        [
            Call(
                "POST https://api.sendgrid.com/v3/mail/send",
                {"personalizations": [{"to": [{"email": "g@x.example"}]}], "content": [{"value": "Hi"}]},
                headers={"authorization": "Bearer secret-SENDGRID_API_KEY"},
            )
        ],
        {"to": "g@x.example", "text": "Hi"},
        {"POST https://api.sendgrid.com/v3/mail/send": _status(202)},
    ),
    Playbook(
        "check-services",
        [
            *(Call(f"GET {HEALTH}/{name}/health") for name in ("shop", "mail", "wiki")),
            Call(SLACK, {"channel": "#ops", "text": "2 of 3 services are not well: mail, wiki"}),
        ],
        {"services": ["shop", "mail", "wiki"]},
        {
            f"GET {HEALTH}/shop/health": {"status": "ok"},
            f"GET {HEALTH}/mail/health": _status(500),
            f"GET {HEALTH}/wiki/health": _status(404),
            SLACK: SAID,
        },
        others={"ask[1]": "failed", "ask[2]": "failed"},
        at_once=3,
    ),
    Playbook(
        "check-services",
        [],
        {"services": []},
        name="none",
        others={"tell": "skipped"},
    ),
    Playbook(
        "urgent-ticket-everywhere",
        [
            Call(
                f"POST {JIRA}/issue",
                {
                    "fields": {
                        "project": {"key": "SUP"},
                        "summary": "Ticket 42: Printer on fire",
                        "labels": ["ticket-42"],
                    }
                },
            ),
            Call(SLACK, {"channel": "#urgent-tickets", "text": "Urgent: Printer on fire"}),
            Call("POST https://acme.freshdesk.com/api/v2/tickets/42/notes"),
        ],
        None,
        {
            f"POST {JIRA}/issue": _status(201, {"id": "1", "key": "SUP-7"}),
            SLACK: SAID,
            "POST https://acme.freshdesk.com/api/v2/tickets/42/notes": _status(201, {"id": 7, "body_text": "Followed"}),
        },
        at_once=2,
    ),
]

VARIABLES = {
    "GRAFANA_URL": "https://acme.grafana.net",
    "PROMETHEUS_URL": "https://prometheus.acme.example",
    "JIRA_URL": "https://acme.atlassian.net",
    "JIRA_EMAIL": "ops@acme.example",
    "ZENDESK_URL": "https://acme.zendesk.com",
    "ZENDESK_EMAIL": "ops@acme.example",
}
# Each one's value is `secret-<its name>`, bound to this host.
SECRETS = {
    "GRAFANA_TOKEN": "acme.grafana.net",
    "PAGERDUTY_ROUTING_KEY": "events.pagerduty.com",
    "DATADOG_API_KEY": "api.datadoghq.com",
    "GITHUB_TOKEN": "api.github.com",
    "JIRA_TOKEN": "acme.atlassian.net",
    "ZENDESK_TOKEN": "acme.zendesk.com",
    "SENDGRID_API_KEY": "api.sendgrid.com",
}
