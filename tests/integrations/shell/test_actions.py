"""A Shell script of a rule: what it is given, what comes of it, and what it may not have."""

from typing import Any

import pytest
from pydantic import ValidationError

from integrations import registry
from integrations.connecting import connect_with
from integrations.connectors.shell.connector import Shell
from integrations.connectors.shell.schemas import ShellScript
from integrations.errors import Forbidden
from integrations.specs import Action
from tests.integrations.scripts import recordings, replay


@pytest.mark.parametrize("name", recordings("shell"))
def test_a_recorded_run_comes_out_the_same(sandbox: None, name: str) -> None:
    replay(Shell, name)


def test_it_is_found_without_a_platform_and_waits_in_a_queue_of_its_own() -> None:
    found = registry.generic_action("shell_script")
    assert found is not None and found[0] is Shell
    assert (found[1].queue, found[1].may_repeat) == ("scripts", False)


def test_nothing_runs_without_a_grant() -> None:
    with pytest.raises(Forbidden, match="where the operator grants them"):
        connect_with(Shell, {}).execute(Action("shell_script", {"script": "x = 1"}))


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({}, "script|give a script"),
        ({"script": "a\0b"}, "null character"),
        ({"script": "x", "env": {"A B": "1"}}, "no name of a variable"),
        ({"script": "x", "env": {"LD_PRELOAD": "/tmp/x.so"}}, "LD_PRELOAD is not"),
        ({"script": "x", "env": {"SO_1": "1"}}, "SO_1 is not"),
        ({"script": "x", "env": {"A": "a\0b"}}, "null character"),
        ({"script": "x", "env": {"A": ["1"]}}, "string"),
        ({"script": "x", "values": {"PATH": "/tmp"}}, "no value of an expression"),
        ({"script": "x", "timeout": 0}, "greater than 0"),
        ({"script": "x", "timeout": "2h"}, "number"),
        ({"script": "x", "timeout": 601}, "600"),
        ({"script": "x", "shell": True}, "Extra inputs"),
    ],
)
def test_what_it_does_not_take(parameters: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ShellScript.model_validate(parameters)


def test_numbers_and_truths_are_texts_in_the_environment() -> None:
    given = {"A": 7, "B": True, "C": None, "D": "x", "E": 1.5}
    taken = ShellScript.model_validate({"script": "x", "env": given})
    assert taken.env == {"A": "7", "B": "true", "C": "", "D": "x", "E": "1.5"}
