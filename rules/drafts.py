"""A rule on somebody's page: read from its document or from what the page sent, and turned into a document again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from integrations.pieces import NotReadable, parsed
from rules.catalogue import OrganizationCatalogue
from rules.event_fields import EventFields
from rules.form_conditions import ConditionsForm, NotOfThisPage
from rules.form_inputs import InputsForm, NotRows
from rules.form_options import OptionsForm
from rules.form_since import field_of_since
from rules.forms import RuleForm, TriggerForm, put
from rules.problems import Problem
from rules.step_cards import Card, without_strangers
from rules.step_choices import ChoiceGroup, choice_groups
from rules.step_kinds import as_choice
from rules.trying import fields_of

_OWN = ("name", "description", "enabled")
# A page with more cards than this would take minutes to draw; the document itself takes up to 100 steps.
MOST_CARDS = 100


class Unreadable(Exception):
    """The page sent something that no page of ours sends."""


class RuleDraft:
    """All parts of a rule's page. `mode` is form or document: which of the two the person is writing in."""

    def __init__(self, catalogue: OrganizationCatalogue) -> None:
        self.catalogue = catalogue
        # The event whose values are shown.
        self.chosen = ""
        self.mode = "form"
        self.raw = ""
        self.raw_problems: list[str] = []
        self.problems: list[str] = []
        self.cards: list[Card] = []
        self.base: dict[str, Any] = {}
        self.inputs: InputsForm
        self.rule_form: RuleForm
        self.options: OptionsForm
        self.trigger: TriggerForm
        self.fields: EventFields
        self.conditions: ConditionsForm

    # --- made from ----------------------------------------------------------------------------------------------
    @classmethod
    def of_document(cls, document: Mapping[str, Any], catalogue: OrganizationCatalogue) -> "RuleDraft":
        """Return the page of a document. Raises Unreadable for a shape that cards cannot show."""
        draft = cls(catalogue)
        list_name, steps = _steps_of(document)
        trigger = document.get("trigger", {})
        if not isinstance(trigger, Mapping):
            raise Unreadable("`trigger` is an object; the form cannot show it otherwise.")
        draft.base = {name: value for name, value in document.items() if name not in _OWN}
        draft.base[list_name] = []
        draft.rule_form = RuleForm(
            initial={
                "name": document.get("name") or "",
                "description": document.get("description") or "",
                "enabled": bool(document.get("enabled", True)),
            }
        )
        draft.options = OptionsForm(original=draft.base, catalogue=catalogue)
        draft._show_trigger(dict(trigger))
        draft.inputs = _inputs_of(draft.base)
        for place, step in enumerate(steps):
            draft.cards.append(draft._card(place, step))
        return draft

    @classmethod
    def of_post(cls, post: QueryDict, catalogue: OrganizationCatalogue) -> "RuleDraft":
        """Return what a page sent. Raises Unreadable for what no page sends."""
        draft = cls(catalogue)
        draft.mode = "document" if post.get("mode") == "document" else "form"
        draft.raw, draft.chosen = post.get("raw", ""), post.get("try-on", "")
        draft.base = _object(post.get("base", "{}"))
        _steps_of(draft.base)
        trigger = draft.base.get("trigger", {})
        draft.rule_form = RuleForm(post)
        # A page without these fields has nothing to say of them.
        given = post if "options-mode" in post else None
        draft.options = OptionsForm(given, original=draft.base, catalogue=catalogue)
        draft.trigger = TriggerForm(
            post,
            original=trigger if isinstance(trigger, Mapping) else {},
            catalogue=catalogue,
            platform=post.get("shown-platform") or None,
        )
        draft.fields = fields_of(draft.trigger.shown_platform, draft.event_types, draft.chosen)
        try:
            draft.conditions = ConditionsForm(
                post, original=draft.trigger.original.get("conditions"), fields=draft.fields
            )
        except NotOfThisPage as error:
            raise Unreadable(str(error)) from None
        draft.inputs = _inputs_of(draft.base, post)
        places = post.getlist("steps")
        if len(places) > MOST_CARDS or not all(place.isdigit() and len(place) < 6 for place in places):
            raise Unreadable("These steps are none of this page.")
        for place in dict.fromkeys(int(text) for text in places):
            original = _object(post.get(f"step-{place}-original", "{}"))
            draft.cards.append(draft._card(place, original, post))
        return draft

    def _card(self, place: int, step: Mapping[str, Any], data: Any = None) -> Card:
        return Card.of(place, step, self.catalogue, data)

    @property
    def choices(self) -> list[ChoiceGroup]:
        """Return what a step can do."""
        return choice_groups(self.catalogue)

    # --- turned into --------------------------------------------------------------------------------------------
    def document(self) -> dict[str, Any] | None:
        """Return the whole document; None where something on the page cannot be read, which is marked there."""
        if self.mode == "document":
            return self._typed_document()
        parts: list[Any] = [self.rule_form, self.trigger, self.inputs, *self.cards]
        if self.trigger.hears_events:
            parts.append(self.conditions)
        if self.options.is_bound:
            parts.append(self.options)
        if any([not part.is_valid() for part in parts]):  # noqa: C419 - all marked
            return None
        given = self.rule_form.cleaned_data
        document: dict[str, Any] = {"name": given["name"].strip(), "enabled": given["enabled"]}
        put(document, "description", given["description"].strip() or None)
        base = self.options.values() if self.options.is_bound else self.base
        document.update({name: value for name, value in base.items() if name not in _OWN})
        trigger = self._trigger_values()
        if trigger or "trigger" in self.base:
            document["trigger"] = trigger
        if self.inputs.is_changed:
            put(document, "inputs", self.inputs.value())
        list_name, _ = _steps_of(self.base)
        # Popped and put so that a new document has its trigger before its steps.
        if not self.base.get("trigger"):
            document.pop(list_name, None)
        document[list_name] = [card.step(self.catalogue) for card in self.cards]
        return document

    def _trigger_values(self) -> dict[str, Any]:
        trigger = self.trigger.values()
        if self.trigger.hears_events and self.trigger.chosen_platform == self.trigger.shown_platform:
            put(trigger, "conditions", self.conditions.value)
        return trigger

    def _typed_document(self) -> dict[str, Any] | None:
        try:
            document = parsed(self.raw)
        except NotReadable as error:
            self.raw_problems.append(str(error))
            return None
        if not isinstance(document, dict):
            self.raw_problems.append("A rule document is an object with `name`, `trigger` and `actions`.")
            return None
        return document

    # --- changed on the page ------------------------------------------------------------------------------------
    def add_step(self, choice: str) -> None:
        """Append a step that does what was chosen; an empty one where nothing was."""
        if len(self.cards) < MOST_CARDS:
            step = as_choice({}, choice) if choice else {"action": ""}
            is_replacing = self.cards and self.cards[-1].is_empty
            place = self.cards.pop().place if is_replacing else self._free_place()
            self.cards.append(self._card(place, step))

    def copy_card(self, place: int) -> None:
        """Put a copy of a step after it. It has no name of its own: names are unique in a rule."""
        for at, card in enumerate(self.cards):
            if card.place == place and len(self.cards) < MOST_CARDS:
                twin = {name: value for name, value in card.original.items() if name != "id"}
                self.cards.insert(at + 1, self._card(self._free_place(), twin))
                return

    def choose_for(self, place: int) -> None:
        """Offer what a step could do instead."""
        for card in self.cards:
            card.is_choosing = card.place == place

    def use(self, place: int, choice: str) -> None:
        """Let a step do what was chosen instead."""
        for at, card in enumerate(self.cards):
            if card.place == place:
                step = without_strangers(as_choice(card.original, choice), self.catalogue)
                self.cards[at] = self._card(place, step)

    def _free_place(self) -> int:
        return max((card.place for card in self.cards), default=-1) + 1

    def remove_card(self, place: int) -> None:
        self.cards = [card for card in self.cards if card.place != place]

    def move_card(self, place: int, by: int) -> None:
        """Move a step up (-1) or down (1)."""
        at = next((index for index, card in enumerate(self.cards) if card.place == place), None)
        if at is not None and 0 <= at + by < len(self.cards):
            self.cards[at], self.cards[at + by] = self.cards[at + by], self.cards[at]

    def refresh(self) -> None:
        """Show the fields that go with what was chosen. What cannot be read stays as it was typed, and is marked."""
        if self.mode == "document":
            return
        if self.trigger.chosen_platform != self.trigger.shown_platform:
            self._take_trigger(TriggerForm.of_platform(self.trigger.chosen_platform))
        elif self.trigger.is_valid():
            # Conditions that are half written stay on the page as they are.
            conditions = self.conditions
            self._take_trigger(self._trigger_values() if conditions.is_valid() else self.trigger.values())
            conditions.fields = self.fields
            self.conditions = conditions
        self.cards = [
            self._card(card.place, card.step(self.catalogue)) if card.is_valid() else card for card in self.cards
        ]

    def _take_trigger(self, trigger: dict[str, Any]) -> None:
        if trigger or "trigger" in self.base:
            self.base["trigger"] = trigger
        self._show_trigger(trigger)

    def _show_trigger(self, trigger: dict[str, Any]) -> None:
        self.trigger = TriggerForm(original=trigger, catalogue=self.catalogue)
        self.fields = fields_of(self.trigger.shown_platform, self.event_types, self.chosen)
        self.conditions = ConditionsForm(original=trigger.get("conditions"), fields=self.fields)

    @property
    def event_types(self) -> tuple[str, ...]:
        """Return the events that the page names now."""
        return event_types_of(self.trigger)

    @property
    def step_names(self) -> list[str]:
        """Return what expressions call the steps."""
        return [card.name or f"step-{number}" for number, card in enumerate(self.cards, 1)]

    @property
    def input_names(self) -> list[str]:
        """Return the names of declared inputs."""
        return self.inputs.names

    def disable(self) -> None:
        """Let everything be read and nothing be typed: for somebody who may not write."""
        self.inputs.disable()
        parts: list[Any] = [self.rule_form, self.options, self.trigger]
        for card in self.cards:
            parts += [card.form, *([card.parameters] if card.parameters else [])]
        for part in parts:
            for field_ in part.fields.values():
                field_.disabled = True

    def everything_wrong(self) -> list[str]:
        """Return what cannot be read on the page, as one list."""
        found = [*self.raw_problems, *(self.inputs.errors() if self.mode == "form" else ())]
        forms: list[Any] = [self.rule_form, self.options, self.trigger]
        for card in self.cards:
            forms += [card.form, *([card.parameters] if card.parameters else [])]
        for form in forms if self.mode == "form" else ():
            found += [f"{form[name].label}: {text}" for name, texts in form.errors.items() for text in texts]
        found += self.conditions.errors() if self.mode == "form" and self.trigger.hears_events else []
        return found

    # --- problems -----------------------------------------------------------------------------------------------
    def show(self, problems: Sequence[Problem]) -> None:
        """Show problems at the fields they belong to."""
        for problem in problems:
            if self.mode == "document":
                self.raw_problems.append(f"{problem.attr or 'document'}: {problem.detail}")
            elif not self._shown(problem):
                self.problems.append(f"{problem.attr}: {problem.detail}" if problem.attr else problem.detail)

    def _shown(self, problem: Problem) -> bool:
        part, _, rest = problem.attr.partition(".")
        if part in self.options.fields and self.options.is_bound:
            self.options.add_error(part, f"{rest}: {problem.detail}" if rest else problem.detail)
            return True
        if part == "concurrency" and self.options.is_bound:
            self.options.add_error(rest if rest in self.options.fields else "mode", problem.detail)
            return True
        if part in self.rule_form.fields and not rest:
            self.rule_form.add_error(part, problem.detail)
            return True
        if part == "trigger":
            name, _, place = rest.partition(".")
            if name == "conditions" and self.trigger.hears_events:
                self.conditions.add_problem(place, problem.detail)
                return True
            if name == "since" and field_of_since(place) in self.trigger.fields:
                self.trigger.add_error(field_of_since(place), problem.detail)
                return True
            if name in self.trigger.fields:
                self.trigger.add_error(name, f"{place}: {problem.detail}" if place else problem.detail)
                return True
        if part == "inputs":
            self.inputs.add_problem(rest, problem.detail)
            return True
        if part in ("steps", "actions") and rest:
            return self._shown_at_card(rest, problem.detail)
        return False

    def _shown_at_card(self, path: str, detail: str) -> bool:
        number, _, rest = path.partition(".")
        if not number.isdigit() or int(number) >= len(self.cards):
            return False
        card = self.cards[int(number)]
        name, _, deeper = rest.partition(".")
        if name == "parameters" and card.parameters is not None and deeper:
            if card.parameters.add_problem(deeper, detail):
                return True
        elif name == card.kind and card.parameters is not None and card.parameters.add_problem(deeper or name, detail):
            return True
        elif name in ("platform", "action"):
            card.problems.append(detail)
            return True
        elif name == "retry" and deeper in card.form.fields:
            card.form.add_error(deeper, detail)
            return True
        elif name in card.form.fields:
            card.form.add_error(name, detail)
            return True
        card.problems.append(f"{rest}: {detail}" if rest else detail)
        return True


def event_types_of(trigger: TriggerForm) -> tuple[str, ...]:
    """Return the events that a page names."""
    value = trigger["event"].value() if "event" in trigger.fields else []
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value or ())


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as people edit it."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def new_document() -> dict[str, Any]:
    """Return what the page of a new rule begins with."""
    return {"name": "", "enabled": True, "trigger": {}, "actions": []}


def _steps_of(document: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    name = "steps" if "steps" in document and document["steps"] is not None else "actions"
    steps = document.get(name)
    if steps is None:
        return name, []
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps) or len(steps) > MOST_CARDS:
        raise Unreadable(f"`{name}` is a list of objects; the form cannot show it otherwise.")
    return name, [dict(step) for step in steps]


def _inputs_of(base: Mapping[str, Any], post: QueryDict | None = None) -> InputsForm:
    """Return the rows of a document's inputs, as a page sent them where it did. Raises Unreadable."""
    inputs = base.get("inputs")
    try:
        return InputsForm.of_document(inputs) if post is None else InputsForm.of_post(post, inputs)
    except NotRows as error:
        raise Unreadable(str(error)) from None


def _object(text: str) -> dict[str, Any]:
    try:
        value = parsed(text)
    except NotReadable:
        raise Unreadable("The page was changed on its way.") from None
    if not isinstance(value, dict):
        raise Unreadable("The page was changed on its way.")
    return value
