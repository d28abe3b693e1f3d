"""A step's parameters, filled in: every expression evaluated, every value encoded for the place it goes to.

>>> render({"channel": "#urgent", "text": "{{ ticket.subject }}"}, {"ticket": {"subject": "Help"}}).value
{'channel': '#urgent', 'text': 'Help'}

Which encoding a place has stands in the action's model (`integrations.specs.Encode`): what the author typed stays
as it is, values become text that means nothing else there. Nothing is rendered twice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from rules.cel.encoding import ENCODERS, has_host, is_before_path, refuse_dot_segments
from rules.cel.library import rough_size
from rules.cel.places import Place, place_of_model
from rules.expressions import (
    MAX_OUTPUT,
    ExpressionError,
    Rendered,
    Roots,
    Template,
    compile_template,
    has_expression,
)
from rules.scripting.text import Script, compile_script

MAX_DEPTH = 64
MAX_VALUES = 10_000
_OPEN = Roots(is_open=True)

Path = tuple[str | int, ...]

# Data that a rule's author did not choose: what somebody outside wrote, or could have.
_CHOSEN_BY_AUTHOR = frozenset(
    {"env", "vars", "recipients", "organization", "rule", "run", "integration", "inputs", "steps", "now"}
)
_HOLD_SECRETS = frozenset({"env", "vars"})
_HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent", "x-request-id"}
)
_CREDENTIAL_FIELDS = frozenset({"auth", "secret", "token", "password", "api_key", "credentials"})


@dataclass
class _Rendering:
    context: Mapping[str, Any]
    strict: bool
    warnings: list[str] = field(default_factory=list)
    values: int = 0
    size: int = 0
    # Variables that the expressions of a script become.
    of_script: dict[str, str] = field(default_factory=dict)


def render(
    parameters: Any,
    context: Mapping[str, Any],
    *,
    model: type[BaseModel] | None = None,
    strict: bool = False,
    by_author: frozenset[str] = frozenset(),
) -> Rendered:
    """Return `parameters` with their expressions evaluated against `context`, and warnings with their places.

    `model` is the action's: it says how values are encoded. `by_author`: roots beside the common ones whose data the
    rule's author chose. Raises ExpressionError, whose `at` names the parameter:
    for what cannot be evaluated, for a value that would break out of its place, with `strict` for a missing field,
    and for event data that chooses the host of a request which carries credentials.
    """
    place = place_of_model(model)
    _refuse_host_of_strangers(parameters, place, by_author)
    rendering = _Rendering(context, strict)
    value = _value(parameters, place, (), rendering)
    if rendering.of_script:
        value = {**value, "values": rendering.of_script}
    return Rendered(value, rendering.warnings)


def templates_of(parameters: Any, roots: Roots, report: Callable[[Path, ExpressionError], None]) -> set[Path]:
    """Compile every expression in `parameters`, tell `report` of those that do not, and return the templates' paths."""
    found: set[Path] = set()
    for path, text in _texts(parameters, ()):
        if not has_expression(text):
            continue
        found.add(path)
        try:
            compile_template(text, roots)
        except ExpressionError as error:
            report(path, error)
    return found


def check_hosts(parameters: Any, model: type[BaseModel] | None, by_author: frozenset[str] = frozenset()) -> None:
    """Raise ExpressionError, with `at`, where event data would choose the host of a request with credentials.

    For documents being saved, all of whose expressions compile; `render` asks the same again.
    """
    _refuse_host_of_strangers(parameters, place_of_model(model), by_author)


def roots_in(value: Any) -> set[str]:
    """Return the roots that the expressions in a value ask for."""
    templates = [compile_template(text, _OPEN) for _, text in _texts(value, ()) if has_expression(text)]
    return set().union(*(template.roots_used() for template in templates))


def items_by_author(items: Any) -> frozenset[str]:
    """Return which of `item` and `index` the rule's author chose: an item is what its list was made of."""
    return frozenset({"index"} if roots_in(items) - _CHOSEN_BY_AUTHOR else {"index", "item"})


def check_scripts(parameters: Any, model: type[BaseModel] | None) -> None:
    """Raise ExpressionError, with `at`, where a value in a script could be more than a value.

    For documents being saved, all of whose expressions compile; `render` asks the same again.
    """
    for path, text, at in _placed_texts(parameters, place_of_model(model), ()):
        if (language := _language(at)) and has_expression(text):
            try:
                compile_script(text, language)
            except ExpressionError as error:
                raise error.placed(_name(path)) from None


def _language(place: Place) -> str:
    """Return the language of a script that stands in this place, "" where none does."""
    return (place.encode or "").removeprefix("script-") if (place.encode or "").startswith("script-") else ""


def _refuse_host_of_strangers(parameters: Any, place: Place, by_author: frozenset[str]) -> None:
    """Raise ExpressionError where event data chooses the host of a request that carries credentials."""
    for path, text, at in _placed_texts(parameters, place, ()):
        if at.encode != "url" or not has_expression(text):
            continue
        if _host_by_event(compile_template(text, _OPEN), by_author) and _carries_credentials(parameters, place):
            raise ExpressionError(
                "Data of the event chooses the host here, and the request carries credentials: write the host out, "
                "or take it from env or vars.",
                code="host_from_event",
                at=_name(path),
            )


# --- one value after the other ----------------------------------------------------------------------------------


def _value(value: Any, place: Place, path: Path, rendering: _Rendering) -> Any:
    rendering.values += 1
    if rendering.values > MAX_VALUES or len(path) > MAX_DEPTH:
        raise ExpressionError(
            f"The parameters have more than {MAX_VALUES} values or {MAX_DEPTH} levels.", code="too_large"
        )
    if isinstance(value, str):
        return _text(value, place, path, rendering)
    if isinstance(value, Mapping):
        return {key: _value(item, place.inside(key), (*path, key), rendering) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item, place.inside(index), (*path, index), rendering) for index, item in enumerate(value)]
    return value


def _text(text: str, place: Place, path: Path, rendering: _Rendering) -> Any:
    if not has_expression(text):
        rendering.size += len(text)
        return text
    encode = ENCODERS.get(place.encode or "")
    try:
        if language := _language(place):
            return _script(compile_script(text, language), path, rendering)
        template = compile_template(text, _OPEN)
        rendered = template.render(rendering.context, encode=encode, strict=rendering.strict)
        if place.encode == "url":
            _check_address(template, rendered.value)
        rendering.size += rough_size(rendered.value)
        if rendering.size > MAX_OUTPUT:
            raise ExpressionError(f"The parameters have more than {MAX_OUTPUT} characters.", code="too_large")
    except ExpressionError as error:
        raise error.placed(_name(path)) from None
    rendering.warnings += [f"{_name(path)}: {warning}" for warning in rendered.warnings]
    return rendered.value


def _script(script: Script, path: Path, rendering: _Rendering) -> str:
    """Fill in the one script of an action: its values go beside it."""
    text, values, warnings = script.fill_in(rendering.context, strict=rendering.strict)
    rendering.size += len(text) + sum(map(len, values.values()))
    if rendering.size > MAX_OUTPUT:
        raise ExpressionError(f"The parameters have more than {MAX_OUTPUT} characters.", code="too_large")
    rendering.of_script.update(values)
    rendering.warnings += [f"{_name(path)}: {warning}" for warning in warnings]
    return text


def _check_address(template: Template, value: Any) -> None:
    """An author's text around values must lead where it says."""
    if template.is_whole_expression or not isinstance(value, str):
        return
    # A beginning that is a value is the URL itself, dots and all; what the author added is not.
    try:
        if isinstance(template.parts[0], str):
            refuse_dot_segments(value)
            if "://" in template.parts[0] and not has_host(value):
                raise ValueError("The address has no host: a value in its place is empty or missing.")
    except ValueError as refused:
        raise ExpressionError(str(refused), code="invalid_address") from None


def _host_by_event(template: Template, by_author: frozenset[str]) -> bool:
    before = ""
    for part in template.parts:
        if isinstance(part, str):
            before += part
            continue
        if before and not is_before_path(before):
            return False
        if part.node.roots() - _CHOSEN_BY_AUTHOR - by_author:
            return True
        # Whatever the value is, what follows may still be the host unless the author's text ends it.
        before += "x" if before else "https://x"
    return False


def _carries_credentials(parameters: Any, place: Place) -> bool:
    for path, text, at in _placed_texts(parameters, place, ()):
        if has_expression(text) and compile_template(text, _OPEN).roots_used() & _HOLD_SECRETS:
            return True
        if at.encode == "header" and str(path[-1]).lower() not in _HARMLESS_HEADERS:
            return True
        if any(str(part).lower() in _CREDENTIAL_FIELDS for part in path):
            return True
    return False


def _placed_texts(value: Any, place: Place, path: Path) -> Iterator[tuple[Path, str, Place]]:
    """Yield every text with its path and its place."""
    if isinstance(value, str):
        yield path, value, place
    elif isinstance(value, Mapping) and len(path) < MAX_DEPTH:
        for key, item in value.items():
            yield from _placed_texts(item, place.inside(key), (*path, key))
    elif isinstance(value, (list, tuple)) and len(path) < MAX_DEPTH:
        for index, item in enumerate(value):
            yield from _placed_texts(item, place.inside(index), (*path, index))


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    for at, text, _ in _placed_texts(value, Place(), path):
        yield at, text


def _name(path: Path) -> str:
    return ".".join(("parameters", *map(str, path)))
