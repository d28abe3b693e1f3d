"""Makes a claimed step ready for its call, or decides that there is none to make.

Takes what there is for a batch of steps of one organization (rules/material.py). Decides in this order: is the run
over, does the condition hold, which integration, is it reachable, do the parameters render and fit, has the
platform room for the call.
"""

import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.db import InterfaceError, OperationalError, transaction
from pydantic import BaseModel, ValidationError

from audit.redaction import Redactor
from integrations import circuit, limits, lookup, registry
from integrations.base import BaseIntegration
from integrations.connecting import connect_with, opened
from integrations.credentials import open_credentials, secret_values
from integrations.endpoints import signing_secrets
from integrations.errors import IntegrationError, Transient, Uncertain
from integrations.files import files_for
from integrations.models import Integration
from integrations.sandbox.job import Granted
from integrations.script_grants import granted_for
from integrations.specs import ActionSpec, Call, File, Result
from rules import digests, expanding, items, kinds, resting, sensitive
from rules.claims import Claimed
from rules.compiled import CompiledRule, CompiledStep, compiled_version
from rules.context import roots_for
from rules.decisions import AwaitsCredentials, Cancelled, Decision, Failed, NotConfigured, PutBack, Skipped, Throttled
from rules.expressions import ExpressionError
from rules.lookup_tables import tables_at
from rules.material import Material, Takings, material_at_hand, read_material
from rules.models import Step, StepStatus
from rules.models.history import RUN_ENDED
from rules.outputs import bounded
from rules.pacing import Digest, Throttle, key_of
from rules.recipients import Recipients
from rules.rendering import render
from rules.script_checks import why_not_given
from rules.sensitive import Opened
from rules.settling import Settlement
from rules.throttling import why_throttled
from rules.variables import Secret, Variables
from supportops.redaction import secrets_named_in

log = structlog.get_logger()


@dataclass
class Prepared:
    """A call that can be made: connector, action and validated parameters, and what its outcome is written with."""

    step: Step
    compiled: CompiledStep
    connector: type[BaseIntegration]
    spec: ActionSpec
    data: BaseModel
    integration_id: uuid.UUID | None
    lane: Hashable
    may_repeat: bool
    redactor: Redactor
    shown_parameters: Any
    buckets: Sequence[limits.Bucket] = ()
    warnings: Sequence[str] = ()
    files: Mapping[str, File] = field(default_factory=dict, repr=False)
    scripts: Granted | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    # Of earlier steps' outputs: sent or not, they are masked.
    masked: tuple[str, ...] = field(default=(), repr=False)
    # Where the call goes, as far as the parameters say so.
    origin: tuple[str, ...] = ()
    # What was secret in its output, by its way; sealed with the outcome.
    taken_out: Mapping[str, Any] = field(default_factory=dict, repr=False)
    number: int = 0
    _connect: Callable[[Call], BaseIntegration] | None = None
    _instance: BaseIntegration | None = field(default=None, repr=False)

    def run(self) -> Result:
        """Make the call. Raises IntegrationError."""
        if self._connect is None:
            raise RuntimeError("A prepared call knows how to connect.")
        self._instance = instance = self._connect(
            Call(
                organization_id=str(self.step.organization_id),
                integration_id=str(self.integration_id or ""),
                action=self.spec.name,
                idempotency_key=str(self.step.pk),
                attempt=self.number,
                deadline=self.compiled.timeout,
                trace_id=self.step.run.trace_id,
                files=self.files,
                scripts=self.scripts,
                secrets=self.secrets,
                masked=self.masked,
                hides_answers=self.compiled.sensitive is not None,
            )
        )
        if self.step.repeats_uncertain and self.spec.find_earlier:
            earlier = instance.call_handler(self.spec.find_earlier, self.data)
            if earlier.data is not None:
                return earlier
        try:
            return instance.call_handler(self.spec.handler, self.data)
        except Transient as error:
            # An earlier request of this call went through: the call as a whole cannot simply be made again.
            if instance.http.has_written and not self.may_repeat:
                raise Uncertain(
                    f"{error.message} Part of the action may be done.", status_code=error.status_code
                ) from error
            # Repeated, it looks for what this call has made already.
            error.may_have_reached = error.may_have_reached or instance.http.has_written
            raise

    def status_code(self) -> int | None:
        """Return the HTTP status of the call's last answer, None where there was none."""
        return self._instance.http.last_status if self._instance is not None else None

    def rate_limit(self) -> dict[str, Any] | None:
        """Return what the platform's headers said of its limits."""
        return self._instance.http.rate_limit if self._instance is not None else None

    def output_of(self, result: Result) -> Any:
        """Return what is kept of an answer, masked; it may be too large to keep, or nothing that can be kept."""
        try:
            return bounded(self.mask(self._without_secrets(result.data)))
        except (TypeError, ValueError, RecursionError) as error:
            # The call took effect all the same: that must not be forgotten for the sake of its answer.
            log.warning("output.not_kept", step=str(self.step.pk), error=str(error)[:200])
            return {"not_kept": f"The answer cannot be stored as JSON: {error}"[:300]}

    @property
    def bound_to(self) -> tuple[str, ...]:
        """Where the secrets of its output may be sent."""
        given = self.compiled.sensitive.hosts if self.compiled.sensitive is not None else ()
        return given or self.origin

    def _without_secrets(self, output: Any) -> Any:
        """Take out of an answer what the step says is secret; masked by value in the rest of it too."""
        if self.compiled.sensitive is None:
            return output
        taken = sensitive.take_out(output, self.compiled.sensitive.paths)
        self.taken_out = taken.values
        self.warnings = [*self.warnings, *(f"The output has no {way}, which is sensitive." for way in taken.missing)]
        texts = [text for value in taken.values.values() for text in sensitive.texts_of(value)]
        return Redactor(texts).value(taken.output)

    def mask(self, value: Any) -> Any:
        """Return a JSON value without the integration's secrets."""
        return self.redactor.value(value)

    def mask_text(self, text: str) -> str:
        """Return a text without the integration's secrets."""
        return self.redactor.text(text)


def prepare(claimed: Sequence[Claimed]) -> list[Prepared]:
    """Return the calls to make for claimed steps of the organization in scope; settle the others here.

    Should a batch break as a whole, each step is prepared alone; one that breaks even then fails.
    """
    try:
        return _prepared(read_material(claimed))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(claimed) > 1:
            return [call for item in claimed for call in prepare([item])]
        log.exception("step.not_prepared", step=str(claimed[0].id))
        step = Step.objects.filter(pk=claimed[0].id, fence=claimed[0].fence).first()
        if step is not None:
            fail_claimed(step, type(error).__name__, f"{type(error).__name__}: {error}")
        return []


def fail_claimed(step: Step, error_class: str, message: str) -> None:
    """Fail a claimed step of which nothing was sent, unless it is somebody else's by now."""
    with transaction.atomic():
        settlement = Settlement([step.run_id], [step.pk])
        row = settlement.steps.get(step.pk)
        if row is not None and row.fence == step.fence and row.status == StepStatus.RUNNING:
            settlement.fail(row, error_class, message)
        settlement.close()


def prepare_planned(takings: Takings) -> list[Prepared]:
    """Return the calls to make for steps that this worker has just planned as its own; settle the others here."""
    if not takings.steps:
        return []
    try:
        return _prepared(material_at_hand(takings))
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("steps.not_prepared", steps=len(takings.steps))
        return prepare([Claimed(step.pk, step.organization_id, step.fence) for step in takings.steps])


def _prepared(material: Material) -> list[Prepared]:
    batch = _Batch(material)
    prepared: list[Prepared] = []
    settle: list[tuple[Step, Any]] = []
    for step in material.steps:
        try:
            prepared.append(batch.prepare(step))
        except Decision as decision:
            settle.append((step, decision))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # poison fails alone
            log.exception("step.not_prepared", step=str(step.pk))
            settle.append((step, Failed(type(error).__name__, f"{type(error).__name__}: {error}"[:1000])))
    if settle:
        _settle(settle)
    return prepared


def _settle(decided: Sequence[tuple[Step, Decision]]) -> None:
    with transaction.atomic():
        settlement = Settlement((step.run_id for step, _ in decided), (step.pk for step, _ in decided))
        for step, decision in decided:
            row = settlement.steps[step.pk]
            if row.fence == step.fence and row.status == StepStatus.RUNNING:
                decision.settle(settlement, row)
        settlement.close()


class _Batch:
    """Prepares several steps of one organization."""

    def __init__(self, material: Material) -> None:
        self._material, self.now = material, material.now
        self._redactors: dict[uuid.UUID | None, Redactor] = {}
        self._secrets: dict[uuid.UUID, list[str]] = {}
        self._variables = Variables()
        self._recipients = Recipients()

    def prepare(self, step: Step) -> Prepared:
        """Return the call of `step`. Raises a Decision when there is none to make."""
        if step.run.cancel_requested_at is not None or step.run.status in RUN_ENDED:
            raise Cancelled
        compiled_rule = compiled_version(step.run.version_id)
        compiled = compiled_rule.step(step.name)
        roots = self._roots(step, compiled_rule)
        roots["env"], secrets = self._env(step, compiled)
        if compiled.each is not None and step.parent_step_id is None:
            raise self._expanded(step, compiled, roots, secrets)
        if step.parent_step_id is not None:
            roots |= expanding.of_item(step, self._material.items)
        # Keys are kept in the open: they see no secrets.
        plain, of_run = roots, Opened(roots["steps"], [], [])
        if compiled_rule.has_sensitive:
            of_run = sensitive.opened(step.run_id, compiled.opens, roots["steps"])
            roots, secrets = {**roots, "steps": of_run.steps}, [*secrets, *of_run.named]
        if compiled.digest is not None:
            roots |= self._gathered(step, compiled, compiled.digest, roots, plain)
        elif step.parent_step_id is None or (compiled.each is not None and compiled.each.asks_each):
            self._check_condition(compiled, roots)
        if compiled.kind != "action":
            raise resting.decide(step, compiled, self._filled_in(compiled, roots, secrets), self.now)
        connector, spec, integration = self._target(step, compiled)
        roots["integration"] = {"id": str(integration.pk), "name": integration.name} if integration else {}
        rendered, warnings = self._render(compiled, spec, roots)
        masked = [*(secret.text for secret in secrets), *of_run.texts]
        redactor = self._redactor(connector, integration, rendered, masked)
        shown = redactor.value(rendered)
        data = validated(spec.model, rendered, "parameters", shown, redactor)
        granted = _granted(data, shown)
        sent = [secret for secret in secrets if secret.name in compiled.sent_variables]
        _check_hosts(sent, spec, data, shown, granted)
        prepared = Prepared(
            step=step,
            compiled=compiled,
            connector=connector,
            spec=spec,
            data=data,
            integration_id=integration.pk if integration else None,
            lane=integration.pk if integration else (step.organization_id, connector.key),
            may_repeat=spec.may_repeat_with(data),
            redactor=redactor,
            shown_parameters=shown,
            warnings=[redactor.text(warning) for warning in warnings],
            # Read here, in the thread that may use the database.
            files=files_for(data),
            scripts=granted,
            secrets=tuple(secret.text for secret in secrets),
            masked=tuple(of_run.texts),
            origin=_origin(spec, data),
        )
        prepared._connect = self._connector(connector, integration)
        if compiled.throttle is not None:
            self._take_place(step, compiled, compiled.throttle, plain)
        self._wait_for_platform(prepared, integration)
        return prepared

    # --- the parts, in order ----------------------------------------------------------------------------------
    def _roots(self, step: Step, rule: CompiledRule) -> dict[str, Any]:
        compiled = rule.step(step.name)
        event, at_hand = step.run.event, self._material
        return roots_for(
            step.run,
            rule_name=at_hand.rule_names[step.run.rule_id],
            organization={
                "id": str(at_hand.organization.pk),
                "slug": at_hand.organization.slug,
                "name": at_hand.organization.name,
            },
            event=event,
            payload=at_hand.payloads.get(event.pk) if event else None,
            subjects=rule.subjects(event.platform, event.type) if event else (),
            inputs=at_hand.inputs.get(step.run_id, {}),
            steps=at_hand.earlier.get(step.run_id, {}),
            recipients=self._recipients.root(step.run.environment) if compiled.names_recipients else None,
            tables=tables_at(compiled.tables, at_hand.organization.rules_version),
        )

    def _expanded(
        self, step: Step, compiled: CompiledStep, roots: Mapping[str, Any], secrets: Sequence[Secret]
    ) -> Decision:
        """Return what becomes of a step with `for_each`, of which no item has been done yet, or some have."""
        if items.has_items(step):
            return expanding.GoesOn()
        if compiled.each is not None and not compiled.each.asks_each:
            self._check_condition(compiled, roots)
        return expanding.expand(step, compiled, roots, secrets)

    def _env(self, step: Step, compiled: CompiledStep) -> tuple[dict[str, Any], list[Secret]]:
        if compiled.variables is None:
            return {}, []
        return self._variables.root(step.run.environment, compiled.variables)

    def _check_condition(self, compiled: CompiledStep, roots: Mapping[str, Any]) -> None:
        if compiled.condition is None:
            return
        try:
            is_met = compiled.condition.is_met(roots)
        except ExpressionError as error:
            raise Failed("InvalidInput", f"The condition could not be evaluated: {error}") from None
        if not is_met:
            raise Skipped

    def _gathered(
        self,
        step: Step,
        compiled: CompiledStep,
        digest: Digest,
        roots: Mapping[str, Any],
        plain: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return what a step with a digest tells, if it is the one to speak. Raises a Decision otherwise."""
        item = digests.item_of(step)
        if item is None:
            # Asked once, when it joins: at the window's end it has long been counted.
            self._check_condition(compiled, roots)
            item = digests.join(step, digest, _pace_key(compiled, plain), self.now)
        return digests.turn_of(item, self.now)

    def _take_place(self, step: Step, compiled: CompiledStep, throttle: Throttle, roots: Mapping[str, Any]) -> None:
        if reason := why_throttled(step, compiled.name, throttle, _pace_key(compiled, roots), self.now):
            raise Throttled(reason)

    def _target(
        self, step: Step, compiled: CompiledStep
    ) -> tuple[type[BaseIntegration], ActionSpec, Integration | None]:
        try:
            connector, spec = lookup.action_of(step.platform, step.action, self._material.platforms)
            if connector.is_generic:
                return connector, spec, None
            integration = self._material.integrations.find(step.platform, compiled.integration, step.run.environment)
        except (registry.UnknownPlatform, IntegrationError) as error:
            if compiled.optional:
                raise NotConfigured(str(error)) from None
            raise Failed("InvalidInput", str(error)) from None
        gate = self._material.gates.get(integration.pk)
        if gate is not None and gate.credentials_rejected:
            raise AwaitsCredentials(integration.pk)
        if gate is not None and gate.until is not None:
            raise PutBack(gate.until)
        return connector, spec, integration

    def _render(self, compiled: CompiledStep, spec: ActionSpec, roots: Mapping[str, Any]) -> tuple[Any, Sequence[str]]:
        try:
            rendered = render(
                compiled.parameters, roots, model=spec.model, strict=compiled.strict, by_author=compiled.by_author
            )
        except ExpressionError as error:
            raise Failed("InvalidInput", str(error)) from None
        return rendered.value, rendered.warnings

    def _filled_in(self, compiled: CompiledStep, roots: Mapping[str, Any], secrets: Sequence[Secret]) -> BaseModel:
        """Return what a step that calls nobody is given."""
        if told := [secret.name for secret in secrets if secret.name in compiled.sent_variables]:
            raise Failed(
                "Forbidden", f"The variable '{told[0]}' is a secret: it goes into requests to its hosts alone."
            )
        model = kinds.MODELS[compiled.kind]
        try:
            rendered = render(
                compiled.parameters, roots, model=model, strict=compiled.strict, by_author=compiled.by_author
            )
        except ExpressionError as error:
            raise Failed("InvalidInput", str(error)) from None
        return validated(model, rendered.value, compiled.kind, rendered.value, Redactor())

    def _wait_for_platform(self, prepared: Prepared, integration: Integration | None) -> None:
        if integration is None:
            return
        prepared.buckets = limits.limits_for(prepared.connector, integration, prepared.spec.name, prepared.data)
        # The time it is given is the step's own: it is put back once, and let through when it comes again.
        grant = limits.reserve(prepared.buckets, self.now, holder=str(prepared.step.pk))
        if grant.at is not None and grant.at > self.now:
            raise PutBack(grant.at)
        gate = self._material.gates.get(integration.pk)
        if gate is not None and gate.needs_probe:
            ask_again_at = circuit.begin_probe(integration.pk, self.now)
            if ask_again_at is not None:
                raise PutBack(ask_again_at)

    # --- what the parts need ----------------------------------------------------------------------------------
    def _redactor(
        self,
        connector: type[BaseIntegration],
        integration: Integration | None,
        rendered: Any,
        named: Sequence[str],
    ) -> Redactor:
        """Mask the integration's credentials, secret variables, and what the step sends under a secret's name."""
        key = integration.pk if integration else None
        if sent := [*named, *secrets_named_in(rendered)]:
            return Redactor([*self._secrets_of(connector, integration), *sent])
        if key not in self._redactors:
            self._redactors[key] = Redactor(self._secrets_of(connector, integration))
        return self._redactors[key]

    def _secrets_of(self, connector: type[BaseIntegration], integration: Integration | None) -> list[str]:
        if integration is None:
            return []
        if integration.pk not in self._secrets:
            secrets = secret_values(connector, open_credentials(integration))
            self._secrets[integration.pk] = [*secrets, *signing_secrets(integration.pk)]
        return self._secrets[integration.pk]

    def _connector(self, connector: type[BaseIntegration], integration: Integration | None) -> Any:
        if integration is None:
            return lambda call: connect_with(connector, {}, {}, call=call)
        # Opened here, in the thread that may use the database; the call itself runs in another one.
        return opened(integration, connector)


def _origin(spec: ActionSpec, data: BaseModel) -> tuple[str, ...]:
    """Return where a call goes, as a binding of secrets; empty where that is for the connector to know."""
    parts = urlsplit(spec.goes_to(data)) if spec.goes_to is not None else None
    return (f"{parts.scheme}://{parts.netloc}",) if parts is not None else ()


def _pace_key(compiled: CompiledStep, roots: Mapping[str, Any]) -> str:
    try:
        return key_of(compiled.pace_key, roots)
    except ExpressionError as error:
        name = "throttle" if compiled.throttle is not None else "digest"
        raise Failed("InvalidInput", f"The key of `{name}` could not be worked out: {error}") from None


def validated(model: type[BaseModel], rendered: Any, where: str, shown: Any, redactor: Redactor) -> BaseModel:
    """Return filled-in parameters as an instance of `model`. Raises Failed, which names what does not fit."""
    try:
        return model.model_validate(rendered)
    except ValidationError as error:
        problems = "; ".join(
            f"{where}.{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)[:5]
        )
        raise Failed("InvalidInput", redactor.text(problems), shown) from None


def _granted(data: BaseModel, shown: Any) -> Granted | None:
    """Return what is granted to the script that a step runs, None where it runs none. Raises Failed."""
    try:
        return granted_for(data)
    except IntegrationError as error:
        raise Failed(type(error).__name__, error.message, shown) from None


def _check_hosts(
    secrets: Sequence[Secret], spec: ActionSpec, data: BaseModel, shown: Any, granted: Granted | None
) -> None:
    """A secret goes to its own hosts alone. Raises Failed."""
    if granted is not None:
        if told := why_not_given(secrets, granted, data):
            raise Failed("Forbidden", told, shown)
        return
    url = spec.goes_to(data) if spec.goes_to is not None else None
    for secret in secrets:
        if url is None:
            told = f"The variable '{secret.name}' is a secret: it goes into requests to its hosts alone, not into this."
            raise Failed("Forbidden", told, shown)
        if not secret.may_go_to(url):
            hosts = ", ".join(secret.hosts)
            told = f"The variable '{secret.name}' is a secret for {hosts}: it is not sent anywhere else."
            raise Failed("Forbidden", told, shown)
