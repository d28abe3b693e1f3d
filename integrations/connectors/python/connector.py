"""Python: one script in the operator's sandbox, without an account of ours."""

from integrations.base import BaseIntegration
from integrations.connectors.python.schemas import PythonScript
from integrations.script_running import run_script
from integrations.specs import CREATES, ActionSpec, Result


class Python(BaseIntegration):
    key, name = "python", "Python"
    description = "Runs a Python script in a sandbox, where the operator allows it; needs no account."
    is_generic = True
    signature = None
    actions = [
        ActionSpec(
            "python_script",
            "Run a Python script; later steps see its exit code and output.",
            model=PythonScript,
            handler="python_script",
            effect=CREATES,
            runs_script=True,
            label="Python script",
        )
    ]

    def test_connection(self) -> Result:
        """There is no account that could be wrong."""
        return Result(True, "Scripts need no account.")

    def python_script(self, data: PythonScript) -> Result:
        return run_script(self.call, data, interpreters=(data.python,), arguments=data.args)
