"""Beneath the second wall: libpq opens sockets in C, where the wall sees nothing, so our own guard is what holds."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integrations.postgresql.conftest import Shop

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import json, sys
import django
django.setup()
from django.conf import settings
from integrations import second_wall
from integrations.connecting import connect_with
from integrations.connectors.postgresql.connector import Postgresql
from integrations.errors import IntegrationError
from integrations.specs import Action
credentials, allowed = json.loads(sys.argv[1])
settings.OUTBOUND_ALLOW = allowed
second_wall.install([])
try:
    result = connect_with(Postgresql, credentials).execute(Action("execute_query", {"query": "SELECT 1 AS one"}))
    print(result.data["rows"])
except IntegrationError as error:
    print(type(error).__name__)
"""


def walled(credentials: dict[str, Any], allowed: list[str]) -> str:
    """What a query gives in a process of its own, which has the wall."""
    command = [sys.executable, "-c", SCRIPT, json.dumps([credentials, allowed])]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout.strip()


def test_only_checked_addresses_are_connected_to(shop_server: Shop) -> None:
    credentials = shop_server.credentials(sslmode="disable")
    assert walled(credentials, [f"{shop_server.host}:{shop_server.port}"]) == "[{'one': 1}]"
    assert walled({**credentials, "sslmode": "require"}, []) == "Forbidden"
