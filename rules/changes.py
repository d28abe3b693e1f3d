"""Pure: what became of an object between two events, as far as both of them tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.operators import same

# Objects in objects are compared field by field so deep, below that as a whole.
_MOST_DEPTH = 6
_MOST_GAPS = 500


@dataclass
class Comparison:
    """`changed`: {dotted field: (before, after)}. `gaps`: fields of which nothing can be said, since only one of the
    two has them, or in another form."""

    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Return what changed from `before` to `after`: the main objects of two payloads.

    A payload that was fetched from the platform has more fields than one that a webhook brought: what only one of the
    two has is a gap and no change, and so is a value of another kind ("2" and 2). Where their fields are not the same,
    null may mean that a payload does not tell, and is a gap too.
    """
    comparison = Comparison()
    _compare(before, after, "", before.keys() == after.keys(), comparison, 0)
    if len(comparison.gaps) > _MOST_GAPS:
        # Too little in common to say anything of the rest.
        return Comparison({}, [str(name) for name in {**before, **after}][:_MOST_GAPS])
    return comparison


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any], at: str, null_counts: bool, into: Comparison, depth: int
) -> None:
    for name in {**before, **after}:
        path = f"{at}.{name}" if at else str(name)
        if name not in before or name not in after:
            into.gaps.append(path)
            continue
        one, other = before[name], after[name]
        if isinstance(one, Mapping) and isinstance(other, Mapping) and depth < _MOST_DEPTH:
            _compare(one, other, path, null_counts, into, depth + 1)
        elif same(one, other):
            continue
        elif _is_comparable(one, other, null_counts):
            into.changed[path] = (one, other)
        else:
            into.gaps.append(path)


def _is_comparable(one: Any, other: Any, null_counts: bool) -> bool:
    if one is None or other is None:
        return null_counts
    return _kind(one) == _kind(other)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__
