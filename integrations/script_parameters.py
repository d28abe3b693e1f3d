"""What the parameters of actions that run scripts have in common."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, field_validator

from integrations.parameters import Parameters, Seconds

# How a step names a script of the organization's.
FOLDER = "./scripts/"
# What decides how programs start, the sandbox's own among them, is not the script's to say.
_RESERVED = re.compile(r"LD_.*|GLIBC_TUNABLES|SO_[0-9]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE_NAME = re.compile(r"SO_[0-9]{1,4}")


def _no_null(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text with a null character cannot be given to a script")
    return text


Text = Annotated[str, AfterValidator(_no_null)]


def _as_text(value: Any) -> Any:
    """Take numbers, true and false for the texts that an environment holds; what is missing is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) else value


class ScriptParameters(Parameters):
    """The parameters of an action that runs a script. `script` is its text, or ``./scripts/<name>``."""

    extension: ClassVar[str] = ""

    script: str | None = None
    timeout: Seconds = Field(60, title="Timeout", description="Seconds; then it is killed with all that it started.")
    env: dict[str, Text] = Field(
        {}, title="Environment", description="Variables that the script gets. Others it does not see."
    )
    values: dict[str, Text] = Field(
        {},
        title="Values",
        description="Filled in by SupportOps: what the expressions in the script are.",
        json_schema_extra={"readOnly": True},
    )

    @field_validator("env", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return {name: _as_text(item) for name, item in value.items()} if isinstance(value, dict) else value

    @field_validator("env")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name[:60]}' is no name of a variable: letters, digits and underscores")
            if _RESERVED.fullmatch(name):
                raise ValueError(f"the variable {name} is not the script's to set")
        return value

    @field_validator("values")
    @classmethod
    def _value_names(cls, value: dict[str, str]) -> dict[str, str]:
        if wrong := [name for name in value if not _VALUE_NAME.fullmatch(name)]:
            raise ValueError(f"'{wrong[0][:60]}' is no value of an expression: leave `values` out")
        return value

    def named_script(self) -> str | None:
        """Return the name of the organization's script that shall run, None where the text stands here."""
        text = (self.script or "").strip()
        return text.removeprefix(FOLDER) if text.startswith(FOLDER) and "\n" not in text else None
