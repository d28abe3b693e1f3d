"""The conditions on a rule's page: rows and groups, and the same as JSON beside them, kept in step.

Whoever changed the JSON since the page was drawn is taken at his word there; else the rows decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from integrations.pieces import NotReadable, json_text, parsed, same_text
from rules.condition_rows import (
    MOST_ROWS,
    ExpressionRow,
    Group,
    Node,
    NotRows,
    Row,
    leaves_of,
    nodes_of,
    rows_of,
    written,
)
from rules.event_fields import EventField, EventFields
from rules.operator_words import NOT, Shape, denial_of, first_for, offered, shape_of, word_of
from rules.row_changes import Change, changed
from rules.row_values import NoValue, shown_shape, texts_of, value_of

TEXT = "trigger-conditions"
# What the JSON was when the page was drawn.
BASE = "trigger-conditions-base"
_ROOT = "0"


class NotOfThisPage(ValueError):
    """No page of ours sends such rows."""


@dataclass
class Shown:
    """A row or group as the page draws it. `verdict`: what the chosen event says of it."""

    node: Node
    number: int
    level: int
    parent: int | None = None
    members: list["Shown"] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    shape: Shape = Shape.ONE
    operator: str = "eq"
    about: EventField = field(default_factory=lambda: EventField("", ""))
    verdict: Mapping[str, Any] | None = None
    has_focus: bool = False

    @property
    def is_group(self) -> bool:
        return isinstance(self.node, Group)

    @property
    def is_expression(self) -> bool:
        return isinstance(self.node, ExpressionRow)

    @property
    def passed(self) -> bool | None:
        """Return what the chosen event says of it as a whole; None where that cannot be told."""
        if not isinstance(self.node, Group):
            return self.verdict["passed"] if self.verdict else None
        answers = [member.passed for member in self.members]
        decisive = self.node.kind in ("any", "none")
        joined = decisive if decisive in answers else None if None in answers else not decisive
        return joined if joined is None or self.node.kind in ("all", "any") else not joined

    @property
    def words(self) -> str:
        """Return what a row asks, without its field: `is at least 3`."""
        operator, mark, _rest = self.operator.partition(NOT)
        word = denial_of(operator) if mark else word_of(operator)
        values = [line for text in self.texts for line in text.split("\n") if line]
        joint = _("and") if self.shape is Shape.RANGE else _("or")
        return f"{word} {f' {joint} '.join(values)}".strip()

    @property
    def operators(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the operators to choose from, those that suit the field first, and the present one anyhow."""
        suiting, others = offered(self.about.type)
        if self.operator not in dict(suiting + others):
            suiting.append((self.operator, _("%(operator)s (as written)") % {"operator": self.operator}))
        return suiting, others

    @property
    def was(self) -> str:
        """Return what stood there when the page was drawn."""
        node = self.node
        if not isinstance(node, Row):
            return ""
        return json_text(
            {"field": node.field, "operator": node.operator, "value": node.value, "typed": node.typed}
            | ({"is_blank": True} if node.is_blank else {})
        )

    @property
    def low(self) -> str:
        return self.texts[0] if self.texts else ""

    @property
    def high(self) -> str:
        return self.texts[1] if len(self.texts) > 1 else ""


class ConditionsForm:
    """Conditions as rows and as JSON. `original` is what the document has; `fields` are those that events have."""

    def __init__(self, data: Any = None, *, original: Any, fields: EventFields) -> None:
        self.original, self.fields = original, fields
        self.value: Any = original
        # What is wrong with the JSON, and with the conditions as a whole.
        self.problems: list[str] = []
        # Why there are no rows: they cannot show what the JSON says.
        self.no_rows = ""
        self.whole = Group("all", [], "entries")
        self._typed: dict[int, tuple[list[str], Shape, str]] = {}
        self._wrong: dict[int, list[str]] = {}
        self._verdicts: dict[int, Mapping[str, Any]] = {}
        self._focus: Node | None = None
        if data is None or TEXT not in data:
            self.text = self.base = json_text(original)
            self._take(original)
            return
        self.text, self.base = data.get(TEXT, ""), data.get(BASE, json_text(original))
        if "c" in data and same_text(self.text, self.base):
            self._read_rows(data)
        else:
            self._read_text()

    # --- read -----------------------------------------------------------------------------------------------------
    def _read_text(self) -> None:
        if same_text(self.text, json_text(self.original)):
            self.base = self.text
            self._take(self.original)
            return
        try:
            value = parsed(self.text) if self.text.strip() else None
        except NotReadable as error:
            self.problems.append(str(error))
            self.no_rows = _("The rows come back as soon as the JSON can be read.")
            return
        self.base = self.text
        self._take(value)

    def _take(self, value: Any) -> None:
        self.value = value
        try:
            self.whole = rows_of(value)
        except NotRows as error:
            self.no_rows = str(error)

    def _read_rows(self, data: Any) -> None:
        self.whole = self._tree(data)
        self._write()

    def _write(self) -> None:
        value = written(self.whole).value
        self.value = self.original if value is None and self.original == {} else value
        self.text = self.base = json_text(self.value)

    def _tree(self, data: Any) -> Group:
        numbers = data.getlist("c")
        if len(numbers) > MOST_ROWS or numbers[:1] != [_ROOT] or len(set(numbers)) != len(numbers):
            raise NotOfThisPage(_("These conditions are none of this page."))
        found: dict[str, Node] = {}
        for number in numbers:
            kind = data.get(f"c-{number}-is", "")
            node = self._group(data, number) if kind == "group" else self._leaf(data, number, kind)
            parent = found.get(data.get(f"c-{number}-in", "")) if number != _ROOT else None
            if number != _ROOT and not isinstance(parent, Group):
                raise NotOfThisPage(_("These conditions are none of this page."))
            if isinstance(parent, Group):
                parent.members.append(node)
            found[number] = node
        whole = found[_ROOT]
        if not isinstance(whole, Group):
            raise NotOfThisPage(_("These conditions are none of this page."))
        return whole

    def _group(self, data: Any, number: str) -> Group:
        kind = data.get(f"c-{number}-kind", "all")
        typed, _mark, was = data.get(f"c-{number}-typed", "").partition(" ")
        if kind not in ("all", "any", "none", "not_all"):
            raise NotOfThisPage(_("These conditions are none of this page."))
        return Group(kind, [], typed if typed in ("entries", "list", "single") and was == kind else "")

    def _leaf(self, data: Any, number: str, kind: str) -> Node:
        if kind == "expression":
            return ExpressionRow(data.get(f"c-{number}-text", "").replace("\r\n", "\n").strip())
        return self._row(data, number)

    def _row(self, data: Any, number: str) -> Row:
        was = _row_as_it_was(data.get(f"c-{number}-was", ""))
        name = data.get(f"c-{number}-field", "").strip()
        shown = data.get(f"c-{number}-op") or was.operator
        operator, is_denied = (shown.removesuffix(NOT), True) if shown.endswith(NOT) else (shown, False)
        texts = [text.replace("\r\n", "\n") for text in data.getlist(f"c-{number}-value")]
        before = self._shown_value(was)
        has_same = (name, shown) == (was.field, before[2]) and list(map(str.strip, texts)) == (
            [] if before[1] is Shape.NOTHING else list(map(str.strip, before[0]))
        )
        if has_same and (not was.is_blank or not name):
            return was
        return self._changed_row(was, name, operator, is_denied, texts, before[1])

    def _changed_row(self, was: Row, name: str, operator: str, is_denied: bool, texts: list[str], before: Shape) -> Row:
        about = self.fields.get(name)
        if was.is_blank and not was.field and operator == "eq" and not any(texts):
            operator = first_for(about.type)
        is_same_question = (name, operator) == (was.field, was.operator)
        typed = was.typed if was.typed == "full" or is_same_question else ""
        shape = before if operator == was.operator and before is Shape.JSON else shape_of(operator)
        row = Row(name, operator, None, typed)
        given = _fitted(texts, before, shape)
        shown = f"{operator}{NOT}" if is_denied else operator
        self._typed[id(row)] = (given, shape, shown)
        try:
            row.value = value_of(given, shape, about.type, may_be_single=operator.startswith("changed_"))
            if shape is Shape.NOTHING:
                row.value = not is_denied
        except NoValue:
            row.is_blank = True
            if name:
                self._wrong[id(row)] = [_("Say what to compare with.")]
        except NotReadable as error:
            row.is_blank = True
            self._wrong[id(row)] = [str(error)]
        if not name and (not row.is_blank or any(texts)):
            row.is_blank = True
            self._wrong[id(row)] = [_("Choose a field.")]
        return row

    # --- changed by a button ------------------------------------------------------------------------------------
    def change(self, what: str) -> None:
        """Do what a button says: `<change>:<number of a row or group>`. Anything else is left alone."""
        word, _mark, number = what.partition(":")
        nodes = list(nodes_of(self.whole))
        if self.no_rows or word not in set(Change) or not number.isdigit() or int(number[:6]) >= len(nodes):
            return
        if len(nodes) < MOST_ROWS or word == Change.REMOVE:
            self._focus = changed(self.whole, nodes[int(number[:6])], Change(word))
        self._write()

    # --- judged -------------------------------------------------------------------------------------------------
    def is_valid(self) -> bool:
        """Return whether everything that was given can be read."""
        return not self.problems and not self._wrong

    def errors(self) -> list[str]:
        """Return everything that is wrong, as one list."""
        return [*self.problems, *(text for texts in self._wrong.values() for text in texts)]

    def add_problem(self, place: str, detail: str) -> None:
        """Show a problem at the row that a dotted place leads to, else beside the JSON."""
        nearest, longest = None, -1
        for number, path in written(self.whole).paths.items() if not self.no_rows else ():
            dotted = ".".join(map(str, path))
            if (place == dotted or place.startswith(f"{dotted}.") or not dotted) and len(dotted) > longest:
                nearest, longest = number, len(dotted)
        is_row = nearest is not None and nearest != id(self.whole)
        if is_row and nearest is not None:
            self._wrong.setdefault(nearest, []).append(detail)
        else:
            self.problems.append(f"{place}: {detail}" if place else detail)

    def take_verdicts(self, explanation: Sequence[Mapping[str, Any]]) -> None:
        """Remember what an event said of each row, in their order."""
        if not self.no_rows:
            leaves = list(leaves_of(self.whole))
            self._verdicts = dict(zip(map(id, leaves), explanation, strict=False)) if explanation else {}

    # --- shown --------------------------------------------------------------------------------------------------
    @property
    def shown(self) -> Shown:
        """Return the rows and groups as the page draws them."""
        numbers = {id(node): number for number, node in enumerate(nodes_of(self.whole))}
        return self._shown(self.whole, numbers, 0, None)

    def _shown(self, node: Node, numbers: Mapping[int, int], level: int, parent: int | None) -> Shown:
        shown = Shown(node, numbers[id(node)], level, parent, problems=self._wrong.get(id(node), []))
        shown.verdict, shown.has_focus = self._verdicts.get(id(node)), node is self._focus
        if isinstance(node, Group):
            shown.members = [self._shown(one, numbers, level + 1, shown.number) for one in node.members]
        elif isinstance(node, Row):
            shown.about = self.fields.get(node.field)
            shown.texts, shown.shape, shown.operator = self._typed.get(id(node)) or self._shown_value(node)
        return shown

    def _shown_value(self, row: Row) -> tuple[list[str], Shape, str]:
        if row.is_blank:
            shape = shape_of(row.operator)
            return ["", ""] if shape is Shape.RANGE else [""], shape, row.operator
        shape = shown_shape(shape_of(row.operator), row.value)
        is_denied = shape is Shape.NOTHING and row.value is False
        texts = texts_of(row.value, shape, self.fields.get(row.field).type)
        return texts, shape, f"{row.operator}{NOT}" if is_denied else row.operator


def _row_as_it_was(text: str) -> Row:
    try:
        was = parsed(text) if text else {"is_blank": True}
    except NotReadable:
        was = None
    typed = was.get("typed", "") if isinstance(was, dict) else None
    if typed not in ("", "plain", "operator", "full") or not isinstance(was, dict):
        raise NotOfThisPage(_("These conditions are none of this page."))
    name, operator = str(was.get("field", "")), str(was.get("operator", "eq"))
    return Row(name, operator, was.get("value"), typed, was.get("is_blank") is True)


def _fitted(texts: list[str], before: Shape, shape: Shape) -> list[str]:
    """Return what was typed for one shape as it goes into another."""
    if before is shape or not texts:
        return texts or ([""] if shape is not Shape.RANGE else ["", ""])
    lines = [line for text in texts for line in text.splitlines() if line.strip()] or [""]
    if shape is Shape.RANGE:
        return [*lines, ""][:2]
    return ["\n".join(lines)] if shape in (Shape.MANY, Shape.JSON) else lines[:1]
