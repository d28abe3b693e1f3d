"""Runs the script of an action: what was granted, what was asked for, and what is told of it afterwards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from integrations.errors import Forbidden, InvalidInput, NotFound, Permanent
from integrations.sandbox import running
from integrations.sandbox.bubblewrap import TMP, is_within
from integrations.sandbox.job import EndedBy, Finished, Granted, Job
from integrations.script_parameters import FOLDER, ScriptParameters
from integrations.specs import Call, Result


def run_script(
    call: Call,
    data: ScriptParameters,
    *,
    interpreters: Sequence[str],
    arguments: Sequence[str] = (),
    workdir: str | None = None,
) -> Result:
    """Run the script of `data` by the first of `interpreters` that is granted.

    Raises Permanent, with the output as its data, for a script that failed, did not end or wrote too much; Forbidden
    and InvalidInput for what it may not have; SandboxUnavailable where this machine has no sandbox.
    """
    granted = call.scripts
    if granted is None:
        raise Forbidden("Scripts run in steps of rules only, where the operator grants them.")
    job = Job(
        interpreter=_interpreter(granted, interpreters),
        file_name=f"script.{data.extension}",
        script=_text(granted, data),
        arguments=tuple(arguments),
        environment={**data.env, **data.values},
        workdir=_workdir(granted, workdir),
        seconds=data.timeout,
        access=granted.access,
        limits=granted.limits,
    )
    if granted.is_on_host:
        finished = running.run_on_host(job)
    else:
        # Should they lie beneath /usr, our code and what it keeps are not there for scripts.
        finished = running.run(job, hidden=(str(settings.BASE_DIR), str(settings.DATA_DIR)))
    return _result(finished, job)


def _interpreter(granted: Granted, wanted: Sequence[str]) -> str:
    path = next((granted.interpreters[name] for name in wanted if name in granted.interpreters), None)
    if path is None:
        known = ", ".join(granted.interpreters) or "none"
        raise Forbidden(f"The interpreter '{wanted[0]}' is not granted to this organization. Granted: {known}.")
    if not Path(path).is_file():
        raise Permanent(f"The interpreter {path} does not exist on the worker's machine.")
    return path


def _text(granted: Granted, data: ScriptParameters) -> str:
    name = data.named_script()
    if name is None:
        if not (data.script or "").strip():
            raise InvalidInput("The script is empty.")
        return data.script or ""
    if name not in granted.named:
        raise NotFound(f"This organization has no script '{name}' ({FOLDER}{name}).")
    return granted.named[name]


def _workdir(granted: Granted, workdir: str | None) -> str | None:
    if not workdir or granted.is_on_host:
        return workdir or None
    if not any(is_within(workdir, folder) for folder in (TMP, *granted.access.read_only_dirs)):
        folders = ", ".join((TMP, *granted.access.read_only_dirs))
        raise InvalidInput(f"The script cannot start in {workdir}: it has {folders}.")
    return workdir


def _result(finished: Finished, job: Job) -> Result:
    data: dict[str, Any] = {
        "exit_code": finished.exit_code,
        "stdout": finished.stdout,
        "stderr": finished.stderr,
    }
    if finished.is_cut:
        data["truncated"] = True
    if finished.ended_by == EndedBy.DEADLINE:
        raise Permanent(f"The script did not end within {job.seconds:g} s and was killed.", data=data)
    if finished.ended_by == EndedBy.OUTPUT:
        most = job.limits.most_output_bytes // 1024 // 1024
        raise Permanent(f"The script wrote more than {most} MiB and was killed.", data=data)
    if finished.exit_code != 0:
        last = finished.stderr.strip().rpartition("\n")[2][:300]
        raise Permanent(
            f"The script ended with exit code {finished.exit_code}" + (f": {last}" if last else "."), data=data
        )
    return Result(True, "The script ended with exit code 0.", data)
