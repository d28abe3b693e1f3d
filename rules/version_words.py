"""What became different from one version of a rule to the next, in sentences for whoever writes no JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from rules.catalogue import Catalogue
from rules.condition_rows import ExpressionRow, Row
from rules.event_fields import EventFields
from rules.form_conditions import ConditionsForm, Shown
from rules.step_kinds import choice_of
from rules.workflow_faces import face_of

_LONGEST = 120
_MOST = 60


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any], catalogue: Catalogue) -> list[str]:
    """Return a sentence for each thing that is different, in the order of the document; none where nothing is."""
    found = [
        *_trigger(_object(before.get("trigger")), _object(after.get("trigger"))),
        *_steps(_listed(before), _listed(after), catalogue),
        *_others(before, after),
    ]
    return found[:_MOST]


# --- trigger and conditions -------------------------------------------------------------------------------------
def _trigger(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        if name != "conditions" and before.get(name) != after.get(name):
            yield _different(_("Trigger, %(name)s") % {"name": _words(name)}, before.get(name), after.get(name))
    old, new = before.get("conditions"), after.get("conditions")
    if (old or None) == (new or None):
        return
    removed, added = _questions(old), _questions(new)
    if removed is None or added is None:
        yield _("The conditions were changed.")
        return
    for text in (removed - added).elements():
        yield _("Condition removed: %(condition)s") % {"condition": text}
    for text in (added - removed).elements():
        yield _("Condition added: %(condition)s") % {"condition": text}
    if removed == added:
        yield _("The conditions are put together differently.")


def _questions(conditions: Any) -> Counter[str] | None:
    """Return every condition in words; None where rows cannot show them."""
    form = ConditionsForm(original=conditions, fields=EventFields())
    if form.no_rows:
        return None
    texts = []
    for one in _all(form.shown):
        if isinstance(one.node, Row):
            texts.append(f"{one.node.field} {one.words}")
        elif isinstance(one.node, ExpressionRow):
            texts.append(str(one.node.text))
    return Counter(map(_cut, texts))


def _all(shown: Shown) -> Iterator[Shown]:
    yield shown
    for member in shown.members:
        yield from _all(member)


# --- steps ------------------------------------------------------------------------------------------------------
def _steps(before: list[Mapping[str, Any]], after: list[Mapping[str, Any]], catalogue: Catalogue) -> Iterator[str]:
    old, new = _keyed(before), _keyed(after)
    for key, step in old.items():
        if key not in new:
            yield _("Step removed: %(step)s") % {"step": _step(step, catalogue)}
    for key, step in new.items():
        if key not in old:
            yield _("Step added: %(step)s") % {"step": _step(step, catalogue)}
    kept = [key for key in old if key in new]
    if kept != [key for key in new if key in old]:
        yield _("The steps go in another order.")
    for key in kept:
        name = _step(new[key], catalogue)
        for path, was, is_now in _fields(old[key], new[key], ()):
            shown = [part for part in path if part not in ("parameters", choice_of(new[key]).lstrip("@"))]
            yield _different(f"{name}, {' '.join(map(_words, shown))}", was, is_now)


def _keyed(steps: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the steps by what tells them apart: their id, else what they do and how often that stood before."""
    seen: Counter[str] = Counter()
    found = {}
    for step in steps:
        key = str(step.get("id") or "")
        if not key:
            choice = choice_of(step)
            seen[choice] += 1
            key = f"{choice} {seen[choice]}"
        found[key] = step
    return found


def _fields(
    before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    for name in dict.fromkeys([*before, *after]):
        was, is_now = before.get(name), after.get(name)
        if was == is_now:
            continue
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            yield from _fields(was, is_now, (*path, str(name)))
        else:
            yield (*path, str(name)), was, is_now


def _step(step: Mapping[str, Any], catalogue: Catalogue) -> str:
    title = str(face_of(step, catalogue)["title"])
    return f"{title} ({step['id']})" if step.get("id") else title


# --- everything else --------------------------------------------------------------------------------------------
def _others(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    own = {
        name: value
        for name, value in {**before, **after}.items()
        if name not in ("trigger", "steps", "actions", "name", "enabled")
    }
    for name in own:
        if before.get(name) != after.get(name):
            yield _different(_words(name), before.get(name), after.get(name))


def _different(what: str, before: Any, after: Any) -> str:
    what = what[:1].upper() + what[1:]
    if before is None:
        return _("%(what)s: %(after)s (new)") % {"what": what, "after": _shown(after)}
    if after is None:
        return _("%(what)s: no longer %(before)s") % {"what": what, "before": _shown(before)}
    return _("%(what)s: %(before)s → %(after)s") % {"what": what, "before": _shown(before), "after": _shown(after)}


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _cut(", ".join(value)) or "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"“{_cut(text)}”" if isinstance(value, str) else _cut(text)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    steps = document.get("steps") or document.get("actions") or []
    return [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
