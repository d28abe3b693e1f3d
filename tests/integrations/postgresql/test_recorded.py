"""Recorded queries and what a real server answers: each is asked again.

``answers/<action>__*.json``: `query`, `parameters`, `config`, `access`, `credentials`, each of which may be left out,
and either `answer`, the output (of a connection test: a part of it), or `raise`, the error's class, with `says`, a
pattern of its message.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from integrations import errors
from integrations.connecting import connect_with
from integrations.connectors.postgresql.connector import Postgresql
from integrations.specs import Action
from tests.integrations.postgresql.conftest import Shop

FILES = sorted((Path(__file__).parent / "answers").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_server_answers_so(shop: Shop, file: Path) -> None:
    recorded: dict[str, Any] = json.loads(file.read_text("utf-8"))
    action = file.stem.partition("__")[0]
    credentials = shop.credentials(**recorded.get("credentials", {}))
    connector = connect_with(Postgresql, credentials, recorded.get("config", {}))
    parameters = {name: recorded[name] for name in ("query", "parameters", "access") if name in recorded}
    if "raise" in recorded:
        with pytest.raises(errors.IntegrationError, match=recorded["says"]) as caught:
            connector.execute(Action(action, parameters))
        assert type(caught.value).__name__ == recorded["raise"]
        assert credentials["password"] not in f"{caught.value} {caught.value.detail}"
        return
    data = connector.execute(Action(action, parameters)).data
    json.dumps(data)
    if action == "test_connection":
        assert recorded["answer"].items() <= data.items()
    else:
        assert data == recorded["answer"]
