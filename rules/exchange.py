"""Rules as files: many documents read, compared with what is there, taken in by name; and written out again.

Nothing is ever executed or deleted here. A document is known by its rule's name: one that is not there is created, one
that differs becomes a new version, one that is the same is left alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F
from pydantic import ValidationError

from rules import authoring, gallery, yaml_text
from rules.catalogue import OrganizationCatalogue
from rules.checking import check
from rules.models import Rule, RuleVersion
from rules.problems import Problem, Refused
from rules.yaml_text import NotYaml
from supportops import odd_json

MOST_BYTES = 4 * 1024 * 1024
MOST_DOCUMENTS = 1000
_OWN_FIELDS = ("name", "description", "enabled")


class NotReadable(Exception):
    """A text cannot be read at all. `line` counts from 1; 0 where no place is known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message, self.line = message, line


@dataclass(frozen=True)
class Found:
    """A document in a text: as typed, and where its parts stand (the line of a dotted path; 0 in JSON)."""

    typed: Any
    lines: yaml_text.YamlDocument | None = None
    # Where it stands in its document, when that is a list of rules.
    inside: tuple[str | int, ...] = ()

    def line_of(self, path: str) -> int:
        """Return the line of a dotted path into the rule document."""
        if self.lines is None:
            return 0
        return self.lines.line_of([*self.inside, *(part for part in path.split(".") if part)])


@dataclass
class Change:
    """What taking in one document would do. `places` are the parts that differ from the live version."""

    name: str
    action: str  # created, changed, unchanged
    typed: Mapping[str, Any]
    places: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    found: Found | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the change in the form of the API."""
        return {
            "name": self.name,
            "action": self.action,
            "changes": self.places,
            "problems": [self._told(problem) for problem in self.problems],
            "warnings": [self._told(warning) for warning in self.warnings],
        }

    def _told(self, problem: Problem) -> dict[str, Any]:
        line = self.found.line_of(problem.attr) if self.found else 0
        told = {"attr": problem.attr, "code": problem.code, "detail": problem.detail}
        return {**told, "line": line} if line else told


# --- reading ----------------------------------------------------------------------------------------------------


def read(text: str, parameters: Mapping[str, Any] | None = None) -> list[Found]:
    """Return the rule documents in a YAML or JSON text: one, several, a list, or ``{"rules": [...]}``.

    With `parameters` a template (rules/gallery.py) is taken too, from those who may be trusted with its size.
    Raises NotReadable.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise NotReadable(f"The text is larger than {MOST_BYTES // 1024 // 1024} MiB.")
    found = [item for document in _documents(text) for item in _rules_in(document, parameters)]
    if not found:
        raise NotReadable("There is no rule document in this text.")
    if len(found) > MOST_DOCUMENTS:
        raise NotReadable(f"There are {len(found)} documents; at most {MOST_DOCUMENTS} are taken at once.")
    return found


def _documents(text: str) -> list[Found]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return [Found(odd_json.loads(text.encode("utf-8", "surrogatepass")))]
        except odd_json.MalformedJson as error:
            broken = NotReadable(str(error), error.line or 0)
        try:
            # Flow style is YAML as well.
            return [Found(document.value, document) for document in yaml_text.read(text)]
        except NotYaml:
            raise broken from None
    try:
        return [Found(document.value, document) for document in yaml_text.read(text)]
    except NotYaml as error:
        raise NotReadable(f"This is no valid YAML: {error.message}", error.line) from None


def _rules_in(found: Found, parameters: Mapping[str, Any] | None) -> Iterator[Found]:
    value = found.typed
    if parameters is not None and gallery.is_template(value):
        yield from _rules_of_template(value, parameters)
    elif isinstance(value, Mapping) and set(value) == {"rules"} and isinstance(value["rules"], list):
        for place, item in enumerate(value["rules"]):
            yield Found(item, found.lines, ("rules", place))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield Found(item, found.lines, (place,))
    else:
        yield found


def _rules_of_template(value: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[Found]:
    try:
        template = gallery.template_of(value)
        values = gallery.checked(template, parameters)
        yield from (Found(document) for document in gallery.documents(template, values))
    except Refused as refused:
        raise NotReadable(" ".join(f"{problem.attr}: {problem.detail}" for problem in refused.problems)) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise NotReadable(f"template.{'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise NotReadable(f"The template's rules cannot be made: {error}") from None


# --- planning and taking in -------------------------------------------------------------------------------------


def plan(documents: Sequence[Found], *, default_name: str = "", disabled: bool = False) -> list[Change]:
    """Return what taking in `documents` would do, with everything that stands against it. Changes nothing.

    `default_name`: of a document without a name (a file's). `disabled`: what is created or changed lands disabled.
    """
    catalogue = OrganizationCatalogue()
    typed = [_named(found.typed, default_name, place, len(documents)) for place, found in enumerate(documents)]
    names = [str(item.get("name") or "") if isinstance(item, Mapping) else "" for item in typed]
    rules = {rule.name: rule for rule in Rule.objects.filter(name__in=names, deleted_at__isnull=True)}
    live = RuleVersion.objects.filter(rule__in=rules.values(), number=F("rule__version"))
    stored = {version.rule_id: version.document for version in live}
    changes = []
    for place, (found, document, name) in enumerate(zip(documents, typed, names, strict=True)):
        if disabled and isinstance(document, Mapping):
            document = {**document, "enabled": False}
        checked = check(document, catalogue)
        change = Change(name, "created", document, [], list(checked.problems), list(checked.warnings), found)
        if isinstance(document, Mapping) and not name:
            change.problems.append(Problem("name", "required", "The document has no `name`: rules are known by it."))
        elif name and name in names[:place]:
            detail = f"Another document in this text has the name '{name}'. Names are unique."
            change.problems.append(Problem("name", "not_unique", detail))
        elif name in rules:
            change.places = _differences(rules[name], stored[rules[name].pk], document)
            change.action = "changed" if change.places else "unchanged"
        changes.append(change)
    return changes


def take_in(typed: Mapping[str, Any], *, author: str = "") -> tuple[Rule, str]:
    """Create or change the rule that a checked document names; return it with what was done. Raises Refused."""
    name = str(typed.get("name"))
    rule = Rule.objects.filter(name=name, deleted_at__isnull=True).first()
    if rule is None:
        return authoring.create(typed, author=author)[0], "created"
    if not _differences(rule, authoring.live_version(rule).document, typed):
        return rule, "unchanged"
    # A file says the whole of a rule: what it leaves out is not there.
    return authoring.change(rule, {"description": "", **typed}, author=author)[0], "changed"


def _named(typed: Any, default_name: str, place: int, count: int) -> Any:
    if not isinstance(typed, Mapping) or typed.get("name") or not default_name:
        return typed
    return {"name": default_name if count == 1 else f"{default_name} {place + 1}", **typed}


def _differences(rule: Rule, stored: Mapping[str, Any], typed: Mapping[str, Any]) -> list[str]:
    document = {name: value for name, value in typed.items() if name not in _OWN_FIELDS}
    places = list(_places(stored, document, ""))
    if str(typed.get("description") or "") != rule.description:
        places.insert(0, "description")
    if "enabled" in typed and bool(typed["enabled"]) != rule.is_enabled:
        places.insert(0, "enabled")
    return places


def _places(before: Any, after: Any, at: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            inner = f"{at}.{name}" if at else str(name)
            if name in before and name in after:
                yield from _places(before[name], after[name], inner)
            else:
                yield inner
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _places(one, other, f"{at}.{place}")
    elif type(before) is not type(after) or before != after:
        yield at


# --- writing ----------------------------------------------------------------------------------------------------

_FORMATS = ("yaml", "json")


def export(rules: Sequence[Rule], form: str = "yaml") -> str:
    """Return rules as one text that `read` takes. Raises ValueError for another format than yaml and json."""
    if form not in _FORMATS:
        raise ValueError(f"There is no format '{form[:20]}': yaml or json.")
    live = RuleVersion.objects.filter(rule__in=[rule.pk for rule in rules], number=F("rule__version"))
    stored = {version.rule_id: version.document for version in live}
    documents = [document_of(rule, stored[rule.pk]) for rule in rules]
    if form == "json":
        return odd_json.dumps(documents).decode()
    return yaml_text.write(documents) if documents else ""


def document_of(rule: Rule, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule as a whole document, in the order in which people write one."""
    about = {"description": rule.description} if rule.description else {}
    return {"name": rule.name, **about, "enabled": rule.is_enabled, **stored}


def name_of_file(filename: str) -> str:
    """Return the name of a rule whose file has this name: ``on-call/page_team.yaml`` → ``page team``."""
    stem = filename.replace("\\", "/").rpartition("/")[2]
    return re.sub(r"[_-]+", " ", re.sub(r"\.(ya?ml|json)$", "", stem, flags=re.IGNORECASE)).strip()[:180]
