"""Shell: one script in the operator's sandbox, without an account of ours."""

from integrations.base import BaseIntegration
from integrations.connectors.shell.schemas import ShellScript
from integrations.script_running import run_script
from integrations.specs import CREATES, ActionSpec, Result


class Shell(BaseIntegration):
    key, name = "shell", "Shell"
    description = "Runs a shell script in a sandbox, where the operator allows it; needs no account."
    is_generic = True
    signature = None
    actions = [
        ActionSpec(
            "shell_script",
            "Run a shell script; later steps see its exit code and output.",
            model=ShellScript,
            handler="shell_script",
            effect=CREATES,
            runs_script=True,
            label="Shell script",
        )
    ]

    def test_connection(self) -> Result:
        """There is no account that could be wrong."""
        return Result(True, "Scripts need no account.")

    def shell_script(self, data: ShellScript) -> Result:
        return run_script(self.call, data, interpreters=("bash", "sh"), workdir=data.workdir)
