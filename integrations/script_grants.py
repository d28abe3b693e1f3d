"""What the operator grants an organization's scripts: made and taken back by him, asked by whoever saves or runs one.

Needs the organization in scope.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from pydantic import BaseModel

from audit.recording import record
from integrations.bindings import origin_of
from integrations.errors import Forbidden
from integrations.models import Script, ScriptGrant
from integrations.sandbox.bubblewrap import is_within
from integrations.sandbox.job import MIB, Access, Granted, Limits
from integrations.script_parameters import ScriptParameters
from supportops import clock
from supportops.tenancy.scope import current_organization_id

_NEVER = ("/proc", "/sys", "/dev")
_OFF = "Scripts are switched off here: the operator of this installation can switch them on (SUPPORTOPS_SCRIPTS)."
_NOT_GRANTED = (
    "Scripts are not granted to this organization: the operator of this installation can grant them"
    " (manage.py grant_scripts)."
)


def present_grant() -> ScriptGrant | None:
    """Return the organization's grant, None where it has none or scripts are switched off."""
    if settings.SCRIPTS == "off":
        return None
    grant: ScriptGrant | None = ScriptGrant.objects.first()
    return grant


def why_not() -> str | None:
    """Return why the organization's scripts do not run, in a sentence for people; None where they do."""
    if settings.SCRIPTS == "off":
        return _OFF
    return None if ScriptGrant.objects.exists() else _NOT_GRANTED


def granted_for(parameters: BaseModel | None) -> Granted | None:
    """Return what is granted to the script of validated parameters, None where they run none.

    Raises Forbidden. Costs no query where a model runs no script.
    """
    if not isinstance(parameters, ScriptParameters):
        return None
    grant = present_grant()
    if grant is None:
        raise Forbidden(why_not() or _NOT_GRANTED)
    known: dict[str, str] = settings.SCRIPT_INTERPRETERS
    name = parameters.named_script()
    return Granted(
        access=Access(has_network(grant), tuple(grant.read_only_dirs), tuple(grant.secret_files)),
        secret_hosts=tuple(grant.hosts),
        interpreters={key: path for key, path in known.items() if not grant.interpreters or key in grant.interpreters},
        named=dict(Script.objects.filter(name=name).values_list("name", "text")) if name is not None else {},
        limits=Limits(memory_bytes=settings.SCRIPT_MEMORY_MB * MIB),
        is_on_host=settings.SCRIPTS == "host",
    )


def has_network(grant: ScriptGrant) -> bool:
    """Return whether scripts with this grant have the network: on the host they always do."""
    return grant.has_network or settings.SCRIPTS == "host"


def may_have_secret(hosts: Sequence[str], *, has_network: bool, granted: Sequence[str]) -> bool:
    """Return whether scripts may be given a secret that may be sent to `hosts`: they have no network, or all of these
    are among the hosts that are `granted`."""
    return not has_network or {origin_of(host) for host in hosts} <= {origin_of(host) for host in granted}


def grant_scripts(
    *,
    network: bool = False,
    hosts: Sequence[str] = (),
    read_only_dirs: Sequence[str] = (),
    secret_files: Sequence[str] = (),
    interpreters: Sequence[str] = (),
) -> ScriptGrant:
    """Let the organization's scripts run and see this and no more. Raises ValidationError."""
    grant: ScriptGrant = ScriptGrant.objects.first() or ScriptGrant(organization_id=current_organization_id())
    grant.has_network = network
    grant.hosts, grant.read_only_dirs = list(hosts), list(read_only_dirs)
    grant.secret_files, grant.interpreters = list(secret_files), list(interpreters)
    check_grant(grant)
    grant.updated_at = clock.now()
    with transaction.atomic():
        grant.save()
        record("script.granted", grant, changes=_shown(grant))
    return grant


def revoke_scripts() -> bool:
    """Let no script of the organization's run from now on, and return whether any could."""
    grant = ScriptGrant.objects.first()
    if grant is None:
        return False
    with transaction.atomic():
        record("script.grant_revoked", grant, changes=_shown(grant))
        grant.delete()
    return True


def check_grant(grant: ScriptGrant) -> None:
    """Raise ValidationError, with everything that is wrong with a grant."""
    problems: dict[str, list[str]] = {}
    for host in grant.hosts:
        try:
            origin_of(str(host))
        except ValueError as error:
            problems.setdefault("hosts", []).append(f"{error}.")
    if grant.hosts and not grant.has_network:
        problems.setdefault("hosts", []).append("Hosts are for scripts with the network: grant that, too.")
    for name, paths in (("read_only_dirs", grant.read_only_dirs), ("secret_files", grant.secret_files)):
        for path in paths:
            if problem := _wrong_path(str(path), is_folder=name == "read_only_dirs"):
                problems.setdefault(name, []).append(problem)
    known = settings.SCRIPT_INTERPRETERS
    if unknown := [str(name) for name in grant.interpreters if name not in known]:
        text = (
            f"There is no interpreter '{unknown[0]}'. There are: {', '.join(known)} (SUPPORTOPS_SCRIPT_INTERPRETERS)."
        )
        problems["interpreters"] = [text]
    if problems:
        raise ValidationError(problems)


def _wrong_path(path: str, *, is_folder: bool) -> str | None:
    kind = "folder" if is_folder else "file"
    if not path.startswith("/") or path == "/" or str(Path(path)) != path or ".." in Path(path).parts:
        return f"'{path[:200]}' is not the absolute path of a {kind}, written out without '..' and a closing slash."
    if any(is_within(path, place) for place in _NEVER):
        return f"{path} belongs to the system: a {kind} elsewhere can be granted."
    real = str(Path(path).resolve())
    ours = str(settings.DATA_DIR)
    if is_within(real, ours) or (is_folder and is_within(ours, real)):
        return f"{path} would show what SupportOps keeps, its keys among it."
    return None


def _shown(grant: ScriptGrant) -> dict[str, Any]:
    names = ("has_network", "hosts", "read_only_dirs", "secret_files", "interpreters")
    return {name: getattr(grant, name) for name in names}
