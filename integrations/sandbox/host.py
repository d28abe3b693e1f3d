"""The command that runs a job on the host itself, as the user whom SupportOps runs as: for a single owner's machine.

No sandbox: the job sees and does whatever that user may. It gets the same limits and none of our environment; what
it leaves in the background is killed with its process group, unless it left that.
"""

from pathlib import Path

from integrations.sandbox.bubblewrap import PATH, limited
from integrations.sandbox.command import Command
from integrations.sandbox.job import Job


def command_for(job: Job, folder: Path) -> Command:
    """Return the command that runs `job`, with the script in `folder`, which is the job's home as well."""
    script = folder / job.file_name
    script.write_bytes(job.script.encode("utf-8", "replace"))
    script.chmod(0o400)
    home = str(folder)
    environment = {"PATH": PATH, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", **job.environment}
    # The number of processes would be counted for everything that this user runs.
    words = [*limited(job, with_processes=False), job.interpreter, str(script), *job.arguments]
    return Command(words, environment, cwd=job.workdir or home)


def missing_workdir(job: Job) -> str | None:
    """Return what is wrong with the folder that a job shall start in, None where nothing is."""
    if job.workdir and not Path(job.workdir).is_dir():
        return f"There is no folder {job.workdir} on the worker's machine."
    return None
