"""Credentials, configuration and parameters that each connector takes: for tests that go over all."""

from typing import Any

_CARD = "5f3a1b2c3d4e5f6a7b8c9d0e"
_LIST = "5f3a1b2c3d4e5f6a7b8c9d0f"
_BOARD = "5f3a1b2c3d4e5f6a7b8c9d10"
_PAGE = "4a1104cd-477e-80e1-8571-cfd10e923311"
_DATABASE = "0ef104cd-477e-80e1-8571-cfd10e92339a"
_SPREADSHEET = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"

CREDENTIALS: dict[str, dict[str, Any]] = {
    "compliance": {"url": "https://compliance.acme.example", "token": "cmp-token-12345678", "policy_set": "soc2"},
    "datadog": {"api_key": "0123456789abcdef0123456789abcdef"},
    "freshdesk": {"domain": "acme.freshdesk.com", "api_key": "abcdefghij1234567890"},
    "github": {"token": "ghp_0123456789abcdef0123456789abcdef0123"},
    "google_sheets": {"access_token": "ya29.a0AfH6SMBx0123456789"},
    "grafana": {"url": "https://acme.grafana.net", "token": "glsa_0123456789abcdef"},
    "jira": {"site_url": "https://acme.atlassian.net", "email": "ops@acme.example", "api_token": "jira-token-12345678"},
    "monitoring": {"url": "https://monitoring.acme.example", "token": "mon-token-12345678"},
    "notion": {"token": "ntn_0123456789abcdef0123456789abcdef"},
    "pagerduty": {
        "routing_key": "0123456789abcdef0123456789abcdef",
        "api_token": "pd-token-12345678",
        "from_email": "ops@acme.example",
    },
    "prometheus": {"url": "https://prometheus.acme.example", "token": "prom-token-12345678"},
    "s3": {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG", "bucket": "acme-files"},
    "sendgrid": {"api_key": "SG.0123456789abcdef.0123456789abcdef"},
    "slack": {"bot_token": "xoxb-123-456-abcdefghijkl", "user_token": "xoxp-123-456-mnopqrstuvwx"},
    "teams": {
        "webhook_url": "https://prod-27.westeurope.logic.azure.com/workflows/0a1b2c3d/triggers/manual/paths/invoke"
        "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=Zk9Wq1eUSe2t8uUZxA3sJH0pQxJxjQ"
    },
    "telegram": {"bot_token": "123456789:AAE-0123456789abcdef0123456789abcde"},
    "trello": {"api_key": "0123456789abcdef0123456789abcdef", "token": "ATTA0123456789abcdef"},
    "twilio": {
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "auth_token": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
        "from_number": "+14155550100",
    },
    "zendesk": {"subdomain": "acme", "email": "ops@acme.example", "api_token": "zd-token-12345678"},
}

CONFIG: dict[str, dict[str, Any]] = {
    "google_sheets": {"default_spreadsheet": _SPREADSHEET, "default_sheet": "Tickets"},
    "sendgrid": {"default_from": "ops@acme.example"},
}

PARAMETERS: dict[str, dict[str, dict[str, Any]]] = {
    "compliance": {"run_check": {"environment": "production"}},
    "datadog": {"create_event": {"title": "Hi", "text": "It is broken"}},
    "freshdesk": {
        "create_ticket": {"subject": "Hi", "description": "It is broken", "email": "grace@northwind.example"},
        "update_ticket": {"ticket_id": 42, "priority": 4},
        "add_note": {"ticket_id": 42, "body": "Seen"},
        "add_reply": {"ticket_id": 42, "body": "Seen"},
        "assign_ticket": {"ticket_id": 42, "agent_id": 7},
        "change_status": {"ticket_id": 42, "status": 4},
        "add_time_entry": {"ticket_id": 42, "time_spent": "00:30", "agent_id": 7},
        "create_contact": {"name": "Grace", "email": "grace@northwind.example"},
        "update_contact": {"contact_id": 9, "name": "Grace"},
        "create_company": {"name": "Northwind"},
        "update_company": {"company_id": 5, "name": "Northwind"},
        "bulk_update": {"ticket_ids": [42, 43], "priority": 4},
    },
    "github": {
        "create_repo": {"repo_name": "tools"},
        "create_issue": {"repo": "acme/tools", "title": "Hi"},
        "close_issue": {"repo": "acme/tools", "issue_number": 7},
        "create_pull_request": {"repo": "acme/tools", "title": "Hi", "head": "fix", "base": "main"},
        "add_comment": {"repo": "acme/tools", "issue_number": 7, "body": "Seen"},
    },
    "google_sheets": {
        "append_row": {"values": ["Hi"]},
        "update_row": {"row": 3, "values": ["Hi"]},
        "find_row": {"column": "Ticket", "value": "42"},
        "upsert_row": {"key": "Ticket", "values": {"Ticket": "42"}},
        "read_range": {"range": "A1:C10"},
        "create_sheet": {"title": "Later"},
        "batch_update": {"data": [{"range": "A1", "values": [["Hi"]]}]},
        "format_range": {"range": "A1:C1", "bold": True},
    },
    "grafana": {"query": {"datasource": "main", "expr": "up"}},
    "jira": {
        "create_issue": {"project": "OPS", "issue_type": "Task", "summary": "Hi"},
        "update_issue": {"issue": "OPS-7", "summary": "Hi"},
        "transition_issue": {"issue": "OPS-7", "transition": "Done"},
        "add_comment": {"issue": "OPS-7", "body": "Seen"},
        "search_issues": {"jql": "project = OPS"},
    },
    "monitoring": {"register_environment": {"name": "staging"}, "send_metric": {"name": "seconds", "value": 7}},
    "notion": {
        "create_page": {"title": "Hi", "parent": _PAGE},
        "update_page": {"page": _PAGE, "title": "Hi"},
        "append_content": {"page": _PAGE, "content": "Seen"},
        "create_database_entry": {"database": _DATABASE, "title": "Hi"},
        "update_database_entry": {"page": _PAGE, "title": "Hi"},
        "add_comment": {"page": _PAGE, "text": "Seen"},
        "query_database": {"database": _DATABASE},
    },
    "pagerduty": {
        "trigger_incident": {"summary": "It is broken"},
        "acknowledge_incident": {"dedup_key": "ticket-42"},
        "resolve_incident": {"dedup_key": "ticket-42"},
        "add_note": {"incident": "Q02JSSN8BUWCJ8", "content": "Seen"},
    },
    "prometheus": {"query": {"query": "up"}, "alerts": {}},
    "s3": {"upload_file": {"key": "a.txt", "content": "Hi", "if_exists": "fail"}},
    "sendgrid": {"send_email": {"to": "grace@northwind.example", "subject": "Hi", "body": "Seen"}},
    "slack": {
        "send_message": {"channel": "#ops", "message": "Hi"},
        "send_notification": {"channel": "#ops", "title": "Hi"},
        "update_message": {"channel": "C024BE91L", "ts": "1503435956.000247", "message": "Hi"},
        "send_ephemeral": {"channel": "C024BE91L", "user": "U2147483697", "message": "Hi"},
        "create_channel": {"name": "ops"},
        "archive_channel": {"channel": "C024BE91L"},
        "set_topic": {"channel": "C024BE91L", "topic": "Hi"},
        "invite_user": {"channel": "C024BE91L", "users": ["U2147483697"]},
        "upload_file": {"content": "Hi", "filename": "a.txt", "channels": ["C024BE91L"]},
        "set_status": {"text": "Hi"},
        "set_presence": {"presence": "away"},
    },
    "teams": {"send_message": {"message": "Hi"}},
    "telegram": {
        "send_message": {"chat_id": 42, "message": "Hi"},
        "send_document": {"chat_id": 42, "content": "Hi", "filename": "a.txt"},
    },
    "trello": {
        "create_card": {"name": "Hi", "list": _LIST},
        "update_card": {"card": _CARD, "name": "Hi"},
        "move_card": {"card": _CARD, "list": _LIST},
        "add_comment": {"card": _CARD, "text": "Seen"},
        "add_checklist": {"card": _CARD, "name": "To do", "items": ["one"]},
        "add_label": {"card": _CARD, "label": "urgent"},
        "add_attachment": {"card": _CARD, "url": "https://example.com"},
        "create_list": {"name": "Later", "board": _BOARD},
        "create_board": {"name": "Ops"},
    },
    "twilio": {"send_sms": {"to": "+14158675309", "message": "Hi"}},
    "zendesk": {
        "create_ticket": {
            "subject": "Hi",
            "description": "It is broken",
            "requester_email": "grace@northwind.example",
        },
        "update_ticket": {"ticket_id": 42, "priority": "high"},
        "add_comment": {"ticket_id": 42, "body": "Seen"},
        "assign_ticket": {"ticket_id": 42, "assignee_id": 7},
        "change_status": {"ticket_id": 42, "status": "solved"},
        "set_priority": {"ticket_id": 42, "priority": "high"},
        "add_tags": {"ticket_id": 42, "tags": ["vip"]},
        "apply_macro": {"ticket_id": 42, "macro": 25},
        "create_user": {"name": "Grace", "email": "grace@northwind.example"},
        "update_user": {"user_id": 9, "name": "Grace"},
        "create_organization": {"name": "Northwind"},
        "update_organization": {"organization_id": 5, "name": "Northwind"},
        "search": {"query": "status<solved"},
        "bulk_update": {"ticket_ids": [42, 43], "status": "solved"},
    },
}
