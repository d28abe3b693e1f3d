"""What a script is run with, and what came of it. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a job may use. Memory, processor time and open files are counted per process, the others for the job.

    `memory_bytes` is private memory; address space, which programs reserve and do not use, may be four times that.
    """

    memory_bytes: int = 512 * MIB
    processes: int = 64
    open_files: int = 256
    # Of one file, and of everything in /tmp.
    file_bytes: int = 64 * MIB
    # Of standard output and of standard error each: what is kept, and what ends the job.
    kept_output_bytes: int = 64 * 1024
    most_output_bytes: int = 16 * MIB

    @property
    def address_space_bytes(self) -> int:
        return 4 * self.memory_bytes


@dataclass(frozen=True)
class Access:
    """What a job may see beside the system's programs: absolute paths, under which it finds them as well."""

    has_network: bool = False
    read_only_dirs: tuple[str, ...] = ()
    secret_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Granted:
    """What the operator grants an organization's scripts.

    `secret_hosts` are those whose secrets they may be given while they have the network; `interpreters` are paths by
    name; `named` the scripts of the organization's that a call names; `is_on_host`: they run without a sandbox.
    """

    access: Access = Access()
    secret_hosts: tuple[str, ...] = ()
    interpreters: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: Limits = Limits()
    is_on_host: bool = False


@dataclass(frozen=True)
class Job:
    """One script to run. `seconds` is its deadline; without `workdir` it starts in a folder of its own."""

    # The absolute path of the program, and what the script's file is called.
    interpreter: str
    file_name: str
    script: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    workdir: str | None = None
    seconds: float = 60.0
    access: Access = Access()
    limits: Limits = Limits()


class EndedBy(StrEnum):
    """Who ended a job."""

    ITSELF = "itself"
    DEADLINE = "deadline"
    OUTPUT = "output"


@dataclass(frozen=True)
class Finished:
    """What came of a job. `exit_code` is 128 + n where signal n ended the script, None where we did."""

    exit_code: int | None
    stdout: str
    stderr: str
    ended_by: EndedBy = EndedBy.ITSELF
    # Whether more was written than is kept here.
    is_cut: bool = False
