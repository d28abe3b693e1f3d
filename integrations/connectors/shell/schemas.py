"""The parameters of `shell_script`."""

from typing import Annotated, ClassVar

from pydantic import Field

from integrations.script_parameters import ScriptParameters, Text
from integrations.specs import Encode


class ShellScript(ScriptParameters):
    extension: ClassVar[str] = "sh"

    script: Annotated[Text, Encode("script-shell"), Field(min_length=1)] = Field(
        title="Script",
        description="The commands, or ./scripts/<name> for one of the organization's scripts. "
        "An expression becomes a variable in double quotes.",
    )
    workdir: Text | None = Field(None, title="Folder", description="Where it starts: below /tmp, or a granted folder.")
