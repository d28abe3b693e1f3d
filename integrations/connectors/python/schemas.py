"""The parameters of `python_script`."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from integrations.script_parameters import FOLDER, ScriptParameters, Text
from integrations.specs import Encode


def _texts(value: Any) -> Any:
    """Take one argument for a list of them, and numbers for texts."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return value
    return [str(item) if isinstance(item, int | float) and not isinstance(item, bool) else item for item in value]


class PythonScript(ScriptParameters):
    extension: ClassVar[str] = "py"

    script: Annotated[Text, Encode("script-python")] | None = Field(
        None,
        title="Script",
        description="The code, or ./scripts/<name> for one of the organization's scripts. "
        "An expression becomes a text read from the environment.",
    )
    file: Text | None = Field(None, title="File", description="The name of one of the organization's scripts, instead.")
    args: Annotated[list[Text], BeforeValidator(_texts)] = Field([], title="Arguments")
    python: str = Field("python3", title="Python", description="One of the interpreters that the operator lists.")

    @model_validator(mode="after")
    def _one_script(self) -> Self:
        if (self.script is None) == (self.file is None):
            raise ValueError("give a script or a file of the organization's scripts")
        return self

    def named_script(self) -> str | None:
        return self.file.removeprefix(FOLDER) if self.file is not None else super().named_script()
