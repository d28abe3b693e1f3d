"""A script ready to be filled in: its text with variables in the places of values, which travel beside it.

>>> ready = compile_script("echo {{ ticket.subject }}", "shell")
>>> ready.text
'echo "${SO_1}"'
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rules.cel.errors import place
from rules.expressions import ExpressionError, Template, as_text, compile_template
from rules.scripting.pieces import Misplaced, Value
from rules.scripting.python import python_text
from rules.scripting.shell import shell_text

# What a process gets in one variable (Linux: 128 KiB with its name).
MOST_VALUE_BYTES = 120 * 1024
# The rule's author chose what these hold, or the steps that bring it: a script may be one of their values.
CHOSEN_SOURCES = frozenset({"steps", "inputs", "vars", "env"})

_LANGUAGES: dict[str, Callable[[Sequence[str | Value]], str]] = {"shell": shell_text, "python": python_text}


@dataclass(frozen=True)
class Script:
    """A script with expressions. `whole`: it is one expression, whose value is the script; else `text` is.

    `names` are those of the variables that the template's expressions become; None for what is text of the author's.
    """

    template: Template
    text: str = ""
    names: tuple[str | None, ...] = ()
    whole: Template | None = None

    def fill_in(self, context: Mapping[str, Any], *, strict: bool = False) -> tuple[str, dict[str, str], list[str]]:
        """Return the script, its variables, and warnings. Raises ExpressionError."""
        if self.whole is not None:
            rendered = self.whole.render(context, strict=strict)
            if not isinstance(rendered.value, str):
                raise ExpressionError("The expression's value is no text, which a script is.", code="invalid_script")
            return rendered.value, {}, rendered.warnings
        values, warnings = self.template.values(context, strict=strict)
        variables = {name: _checked(as_text(value)) for name, value in zip(self.names, values, strict=True) if name}
        return self.text, variables, warnings


def compile_script(text: str, language: str) -> Script:
    """Return the script of a text in `shell` or `python`. Raises ExpressionError, with the place, for values that
    stand where they could be more than values."""
    return _compiled(text, language)


@lru_cache(maxsize=1024)
def _compiled(text: str, language: str) -> Script:
    template = compile_template(text)
    whole = compile_template(text.strip())
    if whole.is_whole_expression and whole.roots_used():
        if others := sorted(whole.roots_used() - CHOSEN_SOURCES):
            raise ExpressionError(
                f"Data of `{others[0]}` cannot be a script: only `steps`, `inputs`, `vars` and `env` can.",
                code="script_from_event",
            )
        return Script(template, whole=whole)
    pieces, names = _pieces(template)
    if not any(names):
        return Script(template, "".join(map(str, pieces)), names)
    try:
        return Script(template, _LANGUAGES[language](pieces), names)
    except Misplaced as error:
        line, column = place(text, error.offset)
        raise ExpressionError(error.message, line, column, code="unsafe_in_script") from None


def _pieces(template: Template) -> tuple[list[str | Value], tuple[str | None, ...]]:
    pieces: list[str | Value] = []
    names: list[str | None] = []
    for part in template.parts:
        if isinstance(part, str):
            pieces.append(part)
        elif part.node.roots():
            names.append(f"SO_{sum(name is not None for name in names) + 1}")
            pieces.append(Value(str(names[-1]), part.start - 2))
        else:
            # It asks for no data: text that the author wrote, such as the braces themselves.
            names.append(None)
            pieces.append(as_text(compile_template("{{" + part.source + "}}").render({}).value))
    return pieces, tuple(names)


def _checked(value: str) -> str:
    if len(value.encode()) > MOST_VALUE_BYTES:
        raise ExpressionError(f"A value is larger than {MOST_VALUE_BYTES} bytes.", code="too_large")
    return value
