"""Says what is wrong with a rule document before it is saved: everything at once, each with its exact place.

Pure but for the catalogue it is given. Whatever is handed in, problems come back, never an exception.
"""

import difflib
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from integrations.base import BaseIntegration
from integrations.errors import IntegrationError
from integrations.parameters import sentence
from integrations.specs import ActionSpec, EventSpec
from rules import kinds
from rules.business_time import DEFAULT
from rules.calendar_uses import calendars_named
from rules.catalogue import Catalogue
from rules.check_items import check_for_each
from rules.check_pace import check_pace
from rules.check_sensitive import check_sensitive, check_use
from rules.check_variables import check_variables
from rules.conditions import ConditionErrors, Node, compile_conditions, doubts
from rules.cron import SCHEDULE, next_time
from rules.document import ForEach, RuleDocument, StepDocument
from rules.expressions import ExpressionError, Roots, compile_condition, compile_template, has_expression
from rules.facts import field_problem
from rules.flow import Graph, cycle_in
from rules.inputs import fits
from rules.named import NamedPath, below, paths_in
from rules.nodes import paths_named
from rules.problems import Problem
from rules.rendering import check_hosts, check_scripts, items_by_author
from rules.script_checks import check_script
from supportops import clock, odd_json

MOST_BYTES = 256 * 1024


@dataclass
class Checked:
    """A document that was looked through: usable when there are no problems; warnings do not keep it from use."""

    document: RuleDocument | None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def check(typed: Any, catalogue: Catalogue) -> Checked:
    """Return everything that is wrong with a document as typed."""
    problems = list(_odd_parts(typed))
    if problems:
        return Checked(None, problems)
    try:
        document = RuleDocument.model_validate(typed)
    except ValidationError as error:
        return Checked(None, [_shape_problem(item, typed) for item in error.errors(include_url=False)])
    checker = _Checker(document, typed, catalogue)
    checker.run()
    return Checked(document, checker.problems, checker.warnings)


class _Checker:
    """Looks through a document whose shape is right."""

    def __init__(self, document: RuleDocument, typed: Mapping[str, Any], catalogue: Catalogue) -> None:
        self.document, self.typed, self.catalogue = document, typed, catalogue
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        # The name that the author used for the list of steps.
        self.list_name = "actions" if document.actions is not None else "steps"
        self.events: list[EventSpec] = []

    def run(self) -> None:
        if self.document.steps is not None and self.document.actions is not None:
            self._problem("actions", "ambiguous", "`actions` and `steps` are two names of one list: give one of them.")
            return
        self._trigger()
        self._environment("environment", self.document.environment)
        self._inputs()
        self._concurrency()
        steps = self.document.named_steps()
        if not steps:
            self._problem("actions", "required", "A rule needs at least one step in `actions` (or `steps`).")
        names = [name for name, _ in steps]
        graph = self.document.graph()
        for place, (name, step) in enumerate(steps):
            at = f"{self.list_name}.{place}"
            if names.index(name) != place:
                self._problem(f"{at}.id", "not_unique", f"Another step has the id '{name}'. Ids are unique in a rule.")
            self._needs(at, name, step, names)
            later = graph.after(name) | {name}
            # Steps of other branches may have run by then; those that wait for this one never have.
            before = [other for other in names if other not in later]
            self._step(at, step, before, [other for other in names if other in later])
        self._cycle(graph, names)

    def _needs(self, at: str, name: str, step: StepDocument, names: Sequence[str]) -> None:
        for place, wanted in enumerate(step.needs or ()):
            where = f"{at}.needs.{place}"
            if wanted == name:
                self._problem(where, "cycle", f"The step '{name}' cannot wait for itself.")
            elif wanted not in names:
                self._problem(where, "unknown_step", f"There is no step '{wanted}'{_near(wanted, names)}.")

    def _cycle(self, graph: Graph, names: Sequence[str]) -> None:
        cycle = cycle_in(graph)
        if len(set(cycle)) > 1:
            place = min(names.index(name) for name in cycle if name in graph.named and name in names)
            way = " → ".join(cycle)
            self._problem(f"{self.list_name}.{place}.needs", "cycle", f"These steps wait for each other: {way}.")

    # --- trigger ----------------------------------------------------------------------------------------------
    def _trigger(self) -> None:
        trigger = self.document.trigger
        self._environment("trigger.environment", trigger.environment)
        if trigger.platform == SCHEDULE:
            self._schedule()
            return
        if trigger.cron is not None:
            self._problem("trigger.cron", "only_for_schedule", "`cron` belongs to `platform: schedule`.")
        if trigger.platform == "manual":
            self._no_since()
            if trigger.event is not None or trigger.conditions:
                what = "event" if trigger.event is not None else "conditions"
                self._problem(f"trigger.{what}", "not_for_manual", f"A manual rule has no {what}: people start it.")
            return
        try:
            connector = self.catalogue.connector(trigger.platform)
        except IntegrationError as error:
            self._problem("trigger.platform", "unknown_platform", error.message)
            return
        if trigger.event is None or trigger.events == ():
            self._problem(
                "trigger.event", "required", f'Say which event wakes the rule: {_event_names(connector)} or "*".'
            )
        several = isinstance(trigger.event, list)
        for place, name in enumerate(trigger.events):
            self._event(f"trigger.event.{place}" if several else "trigger.event", connector, name)
        if trigger.integration is not None:
            self._integration("trigger.integration", trigger.platform, trigger.integration)
        self._since()
        self._conditions()

    def _no_since(self) -> None:
        if self.document.trigger.since is not None:
            detail = "`since` counts from an event: it belongs to a trigger with a platform and its events."
            self._problem("trigger.since", "only_for_events", detail)

    def _since(self) -> None:
        """Check when a rule runs that waits for nothing to happen."""
        since = self.document.trigger.since
        if since is None:
            return
        if since.before is not None and (complaint := field_problem(since.before)):
            self._problem("trigger.since.before", "invalid", complaint)
        if since.calendar is not None:
            self._calendar("trigger.since.calendar", [since.calendar])
        if self.document.gate:
            detail = "A gate decides at once what `?wait=` reports; a rule with `since` runs later."
            self._problem("gate", "not_for_since", detail)

    def _schedule(self) -> None:
        trigger = self.document.trigger
        self._no_since()
        for name in ("event", "conditions", "integration"):
            if getattr(trigger, name):
                self._problem(
                    f"trigger.{name}", "not_for_schedule", f"A schedule has no {name}: a time wakes the rule."
                )
        if trigger.cron is None:
            self._problem("trigger.cron", "required", "Say when: five fields of cron, such as 0 9 * * 1-5.")
            return
        try:
            next_time(trigger.cron, trigger.zone, clock.now())
        except ValueError as error:
            at = "trigger.zone" if "time zone" in str(error) else "trigger.cron"
            self._problem(at, "invalid", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        for name, spec in (self.document.inputs or {}).items():
            if spec.required and spec.default is None:
                detail = f"Nobody gives '{name}' when a time wakes the rule: give it a default, or `required: false`."
                self._problem(f"inputs.{name}", "required", detail)

    def _event(self, at: str, connector: type[BaseIntegration], name: str) -> None:
        if name == "*":
            self.events += connector.events
            return
        spec = connector.event_spec(name)
        if spec is None:
            near = _near(name, [event.name for event in connector.events])
            known = _event_names(connector)
            self._problem(at, "unknown_event", f"{connector.name} has no event '{name}'{near}. Its events: {known}.")
        else:
            self.events.append(spec)

    def _conditions(self) -> None:
        roots = Roots(subjects=subjects_of(self.events), steps_before=(), inputs=())
        try:
            node = compile_conditions(
                self.document.trigger.conditions,
                schema=schema_of(self.events),
                subject=subject_of(self.events),
                expressions=partial(compile_condition, roots=roots),
            )
        except ConditionErrors as errors:
            for problem in errors.problems:
                at = ".".join(("trigger.conditions", *map(str, problem.path)))
                self._problem(at, "invalid_condition", problem.message)
            return
        self._tables("trigger.conditions", paths_named(node))
        self._calendar("trigger.conditions", calendars_named({"trigger": {"conditions": node.canonical()}}))
        if self.document.trigger.since is not None:
            self._state_only(node)
        for doubt in doubts(node):
            self._warning(".".join(("trigger.conditions", *map(str, doubt.path))), "never_equal", doubt.message)

    def _state_only(self, node: Node) -> None:
        """Warn of conditions that hold for the moment of an event only: the next event would end the timer."""
        for leaf in node.leaves():
            if leaf.operator.startswith("changed"):
                at = ".".join(("trigger.conditions", *map(str, leaf.path)))
                detail = (
                    f"'{leaf.operator}' holds for one event: the next event of the same object ends the timer of "
                    "`since`. Say what shall still be so, such as {status: pending}."
                )
                self._warning(at, "holds_once", detail)

    def _inputs(self) -> None:
        for name, spec in (self.document.inputs or {}).items():
            if spec.default is not None and not fits(spec.default, spec.type):
                found = type(spec.default).__name__
                detail = f"The default of '{name}' must be {spec.type}, not {found}."
                self._problem(f"inputs.{name}.default", "invalid", detail)

    def _concurrency(self) -> None:
        key = self.document.concurrency.key
        if key is None:
            return
        subjects = subjects_of(self.events)
        inputs = tuple(self.document.inputs) if self.document.inputs is not None else None
        roots = Roots(subjects=subjects, steps_before=(), inputs=inputs, fields=fields_of(self.events))
        try:
            named = compile_condition(key, roots).expression.node.roots()
        except ExpressionError as error:
            self._problem("concurrency.key", error.code, str(error))
            return
        known = (*subjects, "event", "meta", "inputs")
        for name in sorted(named.difference(known)):
            detail = f"A key cannot name '{name}': it is worked out when the run is planned. It has {', '.join(known)}."
            self._problem("concurrency.key", "unknown_name", detail)

    # --- steps ------------------------------------------------------------------------------------------------
    def _step(self, at: str, step: StepDocument, before: Sequence[str], after: Sequence[str]) -> None:
        roots = Roots(
            subjects=subjects_of(self.events),
            steps_before=tuple(before),
            steps_after=tuple(after),
            inputs=tuple(self.document.inputs) if self.document.inputs is not None else None,
            fields=fields_of(self.events),
        )
        self._pace(at, step, roots)
        compiles = len(self.problems)
        if step.for_each is not None:
            self._for_each(at, step, step.for_each, roots)
            roots = replace(roots, is_of_item=True)
        if step.condition_text is not None:
            self._expression(f"{at}.condition", lambda: compile_condition(step.condition_text or "", roots))
        given = replace(roots, gathers=step.digest is not None)
        for path, text in _texts(step.given, ()):
            self._expression(_place(at, step, path), lambda text=text: compile_template(text, given))
        for path in _keys_with_expressions(step.given, ()):
            detail = "An expression cannot stand in a name, only in a value: names are taken as they are typed."
            self._problem(_place(at, step, path), "expression_in_key", detail)
        if compiles == len(self.problems):
            self._tables(at, paths_in(step.given, step.condition_text))
        if step.kind != "action":
            self._sensitive(at, step, None)
            self._resting(at, step)
            return
        if step.inputs is not None:
            self._problem(f"{at}.inputs", "not_for_kind", "`inputs` belong to a step with `rule`.")
        if step.action is None:
            self._problem(f"{at}.action", "required", "Say what the step does: `action`, `wait`, `approval` or `rule`.")
            return
        try:
            connector, spec = self.catalogue.action(step.platform or "", step.action)
        except IntegrationError as error:
            self._unknown_action(at, step, error)
            return
        if compiles == len(self.problems):
            self._sensitive(at, step, spec)
            self._variables(at, step, spec)
        if not connector.is_generic:
            self._step_integration(at, step, connector)
        elif step.integration is not None:
            self._problem(f"{at}.integration", "not_needed", f"'{step.action}' needs no integration: leave it out.")
        if compiles == len(self.problems):
            self._hosts(at, step, spec)
            if spec.runs_script:
                self._script(at, step, spec)
        self._parameters(at, step, spec)

    def _sensitive(self, at: str, step: StepDocument, spec: ActionSpec | None) -> None:
        self.problems += check_sensitive(at, step, spec)
        self.problems += check_use(at, step, spec, self.document)

    def _pace(self, at: str, step: StepDocument, roots: Roots) -> None:
        problems, warnings = check_pace(at, step, roots, self.document.concurrency.mode)
        self.problems += problems
        self.warnings += warnings

    def _for_each(self, at: str, step: StepDocument, each: ForEach, roots: Roots) -> None:
        typed = _deepest(self.typed, (self.list_name, int(at.rpartition(".")[2]), "for_each"))
        where = f"{at}.for_each.items" if isinstance(typed, Mapping) else f"{at}.for_each"
        problems, warnings = check_for_each(where, step, each, roots, self.catalogue.variables)
        self.problems += problems
        self.warnings += warnings

    def _resting(self, at: str, step: StepDocument) -> None:
        """Check a step that calls nobody."""
        for name in ("action", "platform", "integration", "parameters"):
            if getattr(step, name):
                detail = f"A step with `{step.kind}` has no `{name}`: make it a step of its own."
                self._problem(f"{at}.{name}", "not_for_kind", detail)
        others = [name for name in kinds.MODELS if name != step.kind and getattr(step, name) is not None]
        if others:
            self._problem(f"{at}.{others[0]}", "not_for_kind", f"A step has one of `{step.kind}` and `{others[0]}`.")
        if step.inputs is not None and step.kind != "rule":
            self._problem(f"{at}.inputs", "not_for_kind", "`inputs` belong to a step with `rule`.")
        try:
            kinds.MODELS[step.kind].model_validate(step.given)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                problem = _parameter_problem("", item, step.given, kinds.MODELS[step.kind])
                if problem is not None:
                    path = tuple(part for part in problem.attr.split(".") if part)
                    self.problems.append(replace(problem, attr=_place(at, step, path)))
        if step.kind == "wait":
            self._calendar(f"{at}.wait.calendar", calendars_named({"steps": [{"wait": step.wait}]}))
        place = step.approval.get("slack") if step.approval is not None else None
        named = place.get("integration") if isinstance(place, Mapping) else None
        if isinstance(named, str) and not has_expression(named):
            self._integration(f"{at}.approval.slack.integration", "slack", named)
        if step.kind == "rule" and not has_expression(step.rule) and not self.catalogue.has_rule(step.rule or ""):
            detail = f"There is no rule '{step.rule}' yet: runs will fail here until there is one."
            self._warning(f"{at}.rule", "unknown_rule", detail)

    def _tables(self, at: str, named: Collection[NamedPath]) -> None:
        for name in sorted(below("vars", named) - self.catalogue.tables):
            near = _near(name, sorted(self.catalogue.tables))
            detail = f"There is no lookup table '{name}' yet{near}: it cannot be looked up until there is one."
            self._warning(at, "unknown_table", detail)

    def _variables(self, at: str, step: StepDocument, spec: ActionSpec) -> None:
        known = self.catalogue.variables
        scripts = self.catalogue.scripts if spec.runs_script else None
        problems, warnings = check_variables(at, step.parameters, step.condition_text, spec, known, scripts)
        self.problems += problems
        self.warnings += warnings

    def _hosts(self, at: str, step: StepDocument, spec: ActionSpec) -> None:
        try:
            by_author = items_by_author(step.items) if step.for_each is not None else frozenset()
            check_hosts(step.parameters, spec.model, by_author)
        except ExpressionError as error:
            self._problem(f"{at}.{error.at}", error.code, error.message)

    def _script(self, at: str, step: StepDocument, spec: ActionSpec) -> None:
        problems, warnings = check_script(at, step, self.catalogue.scripts)
        self.problems += problems
        self.warnings += warnings
        try:
            check_scripts(step.parameters, spec.model)
        except ExpressionError as error:
            where = f"(line {error.line}, column {error.column})"
            self._problem(f"{at}.{error.at}", error.code, f"{error.message} {where}")

    def _unknown_action(self, at: str, step: StepDocument, error: IntegrationError) -> None:
        is_platform = bool(step.platform)
        if is_platform:
            try:
                self.catalogue.connector(step.platform or "")
            except IntegrationError:
                self._problem(f"{at}.platform", "unknown_platform", error.message)
                return
        self._problem(f"{at}.action", "unknown_action", error.message)

    def _step_integration(self, at: str, step: StepDocument, connector: type[BaseIntegration]) -> None:
        if step.integration is not None:
            self._integration(f"{at}.integration", connector.key, step.integration)
            return
        of_platform = [item for item in self.catalogue.integrations if item.platform == connector.key]
        if not of_platform:
            detail = f"There is no {connector.name} integration yet: runs will fail here until one is connected."
            self._warning(f"{at}.platform", "no_integration", detail)
        elif len(of_platform) > 1 and len({item.environment for item in of_platform}) < len(of_platform):
            names = ", ".join(f"'{item.name}'" for item in of_platform[:5])
            detail = f"There are several {connector.name} integrations ({names}): name one as `integration`."
            self._problem(f"{at}.integration", "ambiguous_integration", detail)

    def _integration(self, at: str, platform: str, reference: str) -> None:
        named = [item for item in self.catalogue.integrations if reference in (item.id, item.name)]
        if not named:
            near = _near(reference, [i.name for i in self.catalogue.integrations if i.platform == platform])
            if _is_id(reference):
                # A name may get its integration later; an id that is not there now never will.
                self._problem(at, "unknown_integration", f"There is no integration with the id {reference}.")
                return
            detail = f"There is no integration '{reference}'{near}: runs will fail here until there is one."
            self._warning(at, "unknown_integration", detail)
        elif all(item.platform != platform for item in named):
            detail = f"'{reference}' is an account on {named[0].platform}, not on {platform}."
            self._problem(at, "other_platform", detail)

    def _parameters(self, at: str, step: StepDocument, spec: ActionSpec) -> None:
        try:
            spec.model.model_validate(step.parameters)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                problem = _parameter_problem(f"{at}.parameters", item, step.parameters, spec.model)
                if problem is not None:
                    self.problems.append(problem)

    # --- small parts ------------------------------------------------------------------------------------------
    def _calendar(self, at: str, names: Iterable[str]) -> None:
        """Warn of calendars that there are not: they may come later."""
        for name in sorted(set(names) - set(self.catalogue.calendars)):
            what = "no default calendar" if name == DEFAULT else f"no calendar '{name}'"
            near = _near(name, self.catalogue.calendars)
            self._warning(
                at, "unknown_calendar", f"There is {what} yet{near}: until there is one, this cannot be told."
            )

    def _expression(self, at: str, compile_it: Any) -> None:
        try:
            compile_it()
        except ExpressionError as error:
            self._problem(at, error.code, str(error))

    def _environment(self, at: str, name: str | None) -> None:
        if name is not None and name not in self.catalogue.environments:
            known = ", ".join(self.catalogue.environments) or "none"
            near = _near(name, self.catalogue.environments)
            self._problem(at, "unknown_environment", f"There is no environment '{name}'{near}. Environments: {known}.")

    def _problem(self, at: str, code: str, detail: str) -> None:
        self.problems.append(Problem(at, code, detail))

    def _warning(self, at: str, code: str, detail: str) -> None:
        self.warnings.append(Problem(at, code, detail))


# --- what the events of a trigger say ---------------------------------------------------------------------------


def subjects_of(events: Sequence[EventSpec]) -> tuple[str, ...]:
    """Return the names of the events' main objects."""
    return tuple(dict.fromkeys(spec.subject for spec in events if spec.subject))


def subject_of(events: Sequence[EventSpec]) -> str:
    """Return the main object's name where the events have one in common, else nothing."""
    subjects = subjects_of(events)
    return subjects[0] if len(subjects) == 1 else ""


def schema_of(events: Sequence[EventSpec]) -> dict[str, Any] | None:
    """Return the JSON Schema of the payload where the events have one in common, else None."""
    models = {spec.model for spec in events}
    model = models.pop() if len(models) == 1 else None
    return model.model_json_schema() if model is not None else None


def fields_of(events: Sequence[EventSpec]) -> tuple[tuple[str, Any], ...]:
    """Return the fields of the main object whose type the events' schema gives, for checks of expressions."""
    schema, subject = schema_of(events), subject_of(events)
    if not schema or not subject:
        return ()
    main = _resolved(schema, schema.get("properties", {}).get(subject, {}))
    kinds = {"string": "text", "boolean": "bool"}
    return tuple(
        (f"{subject}.{name}", kinds.get(str(_resolved(schema, value).get("type")), "any"))
        for name, value in main.get("properties", {}).items()
    )


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    if isinstance(reference, str):
        found: Mapping[str, Any] = schema.get("$defs", {}).get(reference.rpartition("/")[2], {})
        return found
    return part


# --- shapes -----------------------------------------------------------------------------------------------------


def _odd_parts(typed: Any) -> Iterator[Problem]:
    """Yield what keeps a document from being read at all."""
    if not isinstance(typed, Mapping):
        yield Problem("", "invalid", "A rule document is an object with `name`, `trigger` and `actions`.")
        return
    try:
        size = len(odd_json.dumps(typed))
    except (TypeError, ValueError, RecursionError) as error:
        yield Problem("", "invalid", f"The document cannot be stored as JSON: {error}"[:300])
        return
    if size > MOST_BYTES:
        yield Problem("", "too_large", f"The document has {size} bytes; at most {MOST_BYTES} are taken.")
        return
    for path, value in _walk(typed, ()):
        if isinstance(value, str) and "\0" in value:
            yield Problem(".".join(map(str, path)), "null_character", "The character \\u0000 cannot stand in a text.")
        elif isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
            odd = next(key for key in value if not isinstance(key, str))
            yield Problem(".".join(map(str, path)), "invalid_key", f"The key {odd!r} is not text: put it in quotes.")


def _place(at: str, step: StepDocument, path: Sequence[Any]) -> str:
    """Return the dotted place of a part of what a step is given."""
    if step.kind == "rule":
        return ".".join((at, *map(str, path)))
    return ".".join((at, "parameters" if step.kind == "action" else step.kind, *map(str, path)))


def _shape_problem(item: Any, typed: Any) -> Problem:
    path = _without_branches(item["loc"], typed)
    at = ".".join(map(str, path))
    if item["type"] == "extra_forbidden":
        name = str(path[-1])
        known = _known_fields(path[:-1])
        return Problem(
            at, "unknown_field", f"There is no field '{name}' here{_near(name, known)}. Fields: {', '.join(known)}."
        )
    return Problem(at, item["type"], sentence(item["type"], item["msg"]))


def _known_fields(path: Sequence[Any]) -> list[str]:
    from rules import document

    models: dict[str, type[BaseModel]] = {
        "": document.RuleDocument,
        "trigger": document.Trigger,
        "concurrency": document.Concurrency,
        "inputs": document.Input,
        "steps": document.StepDocument,
        "actions": document.StepDocument,
    }
    parts: dict[str, type[BaseModel]] = {"retry": document.Retry, "for_each": document.ForEach, "since": document.Since}
    if path and path[-1] in parts:
        return [given.alias or name for name, given in parts[path[-1]].model_fields.items()]
    return list(models[str(path[0]) if path else ""].model_fields)


def _parameter_problem(at: str, item: Any, parameters: Any, model: type[BaseModel]) -> Problem | None:
    """Return the problem of a parameter; None where its value is only known once templates are rendered."""
    path = _without_branches(item["loc"], parameters)
    value = _deepest(parameters, path)
    if not path and _holds_expression(parameters):
        return None
    if path and item["type"] != "missing" and item["type"] != "extra_forbidden" and _holds_expression(value):
        return None
    where = ".".join((at, *map(str, path)))
    if item["type"] == "extra_forbidden":
        name = str(path[-1])
        known = [given.alias or field for field, given in model.model_fields.items()]
        detail = f"There is no parameter '{name}'{_near(name, known)}. Parameters: {', '.join(known)}."
        return Problem(where, "unknown_parameter", detail)
    if item["type"] == "missing":
        return Problem(where, "required", f"The parameter '{path[-1]}' is required.")
    return Problem(where, item["type"], sentence(item["type"], item["msg"]))


def _without_branches(loc: Sequence[Any], typed: Any) -> tuple[Any, ...]:
    """Return the part of a place that exists in what was typed: pydantic adds names of union branches to it."""
    path: list[Any] = []
    for place, part in enumerate(loc):
        if (isinstance(typed, Mapping) and part in typed) or (
            isinstance(typed, (list, tuple)) and isinstance(part, int) and part < len(typed)
        ):
            typed = typed[part]
        elif isinstance(typed, Mapping) and place == len(loc) - 1:
            return (*path, part)  # a field that is missing
        else:
            continue
        path.append(part)
    return tuple(path)


def _deepest(value: Any, path: Sequence[Any]) -> Any:
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
    return value


def _holds_expression(value: Any) -> bool:
    return any(has_expression(text) for _, text in _texts(value, ()))


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield the texts among values; keys are no values."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _texts(part, (*path, key))
    elif isinstance(value, (list, tuple)):
        for place, part in enumerate(value):
            yield from _texts(part, (*path, place))


def _keys_with_expressions(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for where, part in _walk(value, path):
        if isinstance(part, Mapping):
            yield from ((*where, key) for key in part if has_expression(key))


def _walk(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield (*path, key), key
            yield from _walk(part, (*path, key))
    elif isinstance(value, (list, tuple)):
        for place, part in enumerate(value):
            yield from _walk(part, (*path, place))


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _event_names(connector: type[BaseIntegration]) -> str:
    return ", ".join(spec.name for spec in connector.events) or "none"


def _near(name: str, known: Sequence[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean '{matches[0]}'?)" if matches else ""
