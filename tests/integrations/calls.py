"""Calls of a connector's methods at a platform that answers by recordings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from integrations.base import BaseIntegration
from integrations.errors import InvalidInput
from integrations.specs import Action, Call, Result
from tests.integrations.recorded import FakePlatform

# The id of a step, as calls have it for their idempotency key.
KEY = "01a0b1c2-d3e4-7f00-8a1b-2c3d4e5f6071"


@dataclass(frozen=True)
class Caller:
    """Calls `connector` with `credentials`; `answers` name recordings of its platform."""

    connector: type[BaseIntegration]
    credentials: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)

    def perform(
        self,
        answers: str,
        action: str,
        parameters: Mapping[str, Any],
        *,
        config: Mapping[str, Any] | None = None,
        call: Call | None = None,
    ) -> tuple[Result, list[httpx.Request]]:
        """Execute an action and return its result and the requests that were made."""
        with FakePlatform.of(self.connector.key, answers) as platform:
            instance = platform.connect(self.connector, self.credentials, config or self.config, call=call)
            result = instance.execute(Action(action, dict(parameters)))
        return result, platform.requests

    def find_earlier(
        self,
        answers: str,
        action: str,
        parameters: Mapping[str, Any],
        *,
        key: str = KEY,
        config: Mapping[str, Any] | None = None,
    ) -> Result | None:
        """Look for what an earlier call of a step made."""
        spec = self.connector.action_spec(action)
        assert spec.idempotent_by == "marker"
        call = Call(idempotency_key=key)
        with FakePlatform.of(self.connector.key, answers) as platform:
            instance = platform.connect(self.connector, self.credentials, config or self.config, call=call)
            found: Result | None = getattr(instance, spec.find_earlier)(spec.model.model_validate(dict(parameters)))
        return found

    def refused(self, action: str, parameters: Mapping[str, Any], *, config: Mapping[str, Any] | None = None) -> str:
        """Return the words with which parameters are refused before any call."""
        with FakePlatform([]) as platform, pytest.raises(InvalidInput) as caught:
            instance = platform.connect(self.connector, self.credentials, config or self.config)
            instance.execute(Action(action, dict(parameters)))
        return caught.value.message

    def ask(
        self, answers: str, method: str, *arguments: Any, config: Mapping[str, Any] | None = None
    ) -> tuple[Any, list[httpx.Request]]:
        """Call any method of the connector and return what it gave and the requests that were made."""
        with FakePlatform.of(self.connector.key, answers) as platform:
            instance = platform.connect(self.connector, self.credentials, config or self.config)
            given = getattr(instance, method)(*arguments)
            given = list(given) if hasattr(given, "__next__") else given
        return given, platform.requests


def body_of(request: httpx.Request) -> Any:
    """The JSON body of a request, None where there is none."""
    return json.loads(request.content) if request.content else None
