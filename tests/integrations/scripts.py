"""Recorded runs of scripts: what a script was given and what came of it. Replaying one runs it again, in the sandbox.

``tests/integrations/<key>/answers/<action>__<what>.json``: ``parameters`` and ``granted`` (of `Access`) in; out either
``data``, or ``raise`` (the name of an error), what it ``says``, and the ``data`` that goes with it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from integrations import errors
from integrations.base import BaseIntegration
from integrations.connecting import connect_with
from integrations.sandbox.job import MIB, Access, Granted, Limits
from integrations.specs import Action, Call, Result

HERE = Path(__file__).parent
INTERPRETERS = {"bash": "/bin/bash", "sh": "/bin/sh", "python3": "/usr/bin/python3"}


def recordings(key: str) -> list[str]:
    """Return the names of a connector's recorded runs."""
    return sorted(path.stem for path in (HERE / key / "answers").glob("*.json"))


def recording(key: str, name: str) -> dict[str, Any]:
    """Return one of them."""
    content: dict[str, Any] = json.loads((HERE / key / "answers" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def perform(connector: type[BaseIntegration], parameters: dict[str, Any], **granted: Any) -> Result:
    """Run a connector's only action with these parameters in the sandbox."""
    scripts = Granted(**{"interpreters": INTERPRETERS, "limits": Limits(most_output_bytes=1 * MIB), **granted})
    instance = connect_with(connector, {}, call=Call(scripts=scripts))
    return instance.execute(Action(connector.actions[0].name, parameters))


def replay(connector: type[BaseIntegration], name: str) -> None:
    """Run a recorded script again, and hold what comes of it against the recording."""
    recorded = recording(connector.key, name)
    granted = dict(recorded.get("granted", {}))
    access = Access(**granted.pop("access", {}))
    if "raise" not in recorded:
        result = perform(connector, recorded["parameters"], access=access, **granted)
        assert (result.success, result.data) == (True, recorded["data"])
        return
    error = getattr(errors, recorded["raise"])
    with pytest.raises(error, match=recorded["says"]) as caught:
        perform(connector, recorded["parameters"], access=access, **granted)
    assert type(caught.value) is error
    assert caught.value.data == recorded.get("data")
