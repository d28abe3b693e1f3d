"""Pure: a lookup table as text. CSV with a header, or JSON; read with every problem at its line, and written again.

CSV: the first column is the key. With one more column named `value` that is the row's value, else the row is an object
of the other columns. A cell that is written as a number, `true` or `false` is one, everything else is a text.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rules.problems import Problem, Refused
from supportops import odd_json

MOST_ROWS = 5_000
MOST_BYTES = 512 * 1024
MOST_KEY = 200
MOST_DEPTH = 10
# As many problems are told at once.
_MOST_TOLD = 20
_DELIMITERS = (",", ";", "\t")
# Written as JSON would write it: 0049, 1e5 and 12345678901234567890 are texts.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?")

Rows = dict[str, Any]


def read_table(text: str, form: str = "") -> Rows:
    """Return the rows in a text. `form` is `csv` or `json`; "": what it looks like. Raises Refused."""
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise _refused("null_character", f"Line {_line(text, text.index(chr(0)))} has a null character.")
    if len(text.encode("utf-8", "replace")) > MOST_BYTES * 4:
        raise _refused("too_large", f"The text is larger than {MOST_BYTES * 4 // 1024} KiB.")
    rows = _from_json(text) if (form or form_of(text)) == "json" else _from_csv(text)
    return checked_rows(rows)


def form_of(text: str) -> str:
    """Return `json` for a text that begins like JSON, else `csv`."""
    return "json" if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else "csv"


def checked_rows(rows: Any) -> Rows:
    """Return rows as they may be stored. Raises Refused."""
    if not isinstance(rows, Mapping):
        raise _refused("invalid", 'The rows of a table are an object, such as {"billing": "#billing"}.')
    if len(rows) > MOST_ROWS:
        raise _refused("too_many", f"The table has {len(rows)} rows; at most {MOST_ROWS} are taken.")
    problems = [Problem("rows", "invalid", detail) for key, value in rows.items() if (detail := _odd_row(key, value))]
    if problems:
        raise Refused(problems[:_MOST_TOLD])
    size = size_of(rows)
    if size > MOST_BYTES:
        raise _refused("too_large", f"The table has {size} bytes; at most {MOST_BYTES} are taken.")
    return dict(rows)


def size_of(rows: Rows | Mapping[str, Any]) -> int:
    """Return how many bytes rows have as JSON."""
    return len(odd_json.dumps(rows))


# --- reading ------------------------------------------------------------------------------------------------------


def _from_json(text: str) -> Any:
    try:
        value = odd_json.loads(text.encode("utf-8", "replace"), strict=True)
    except odd_json.MalformedJson as error:
        at = f"Line {error.line}, column {error.column}: " if error.line else ""
        raise _refused("malformed", f"{at}{error}.") from None
    if not isinstance(value, list):
        return value
    rows: Rows = {}
    problems: list[Problem] = []
    for place, item in enumerate(value, 1):
        if not isinstance(item, Mapping) or "key" not in item or len(item) < 2:
            problems.append(_problem(f'Item {place} is no row: write {{"key": "billing", "value": "#billing"}}.'))
            continue
        key = _key(item["key"])
        if key in rows:
            problems.append(_problem(f"Item {place}: the key '{key[:80]}' is there already."))
        rest = {name: part for name, part in item.items() if name != "key"}
        rows[key] = rest["value"] if set(rest) == {"value"} else rest
    if problems:
        raise Refused(problems[:_MOST_TOLD])
    return rows


def _key(given: Any) -> Any:
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _from_csv(text: str) -> Rows:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: Rows = {}
    first_seen: dict[str, int] = {}
    problems: list[Problem] = []
    header: list[str] | None = None
    for line, cells in _lines(lines):
        if header is None:
            header = _header(line, cells)
        elif len(cells) != len(header):
            problems.append(_problem(f"Line {line} has {len(cells)} columns, where the header has {len(header)}."))
        elif not (key := cells[0].strip()):
            problems.append(_problem(f"Line {line} has no key in its first column."))
        elif key in rows:
            problems.append(_problem(f"Line {line}: the key '{key[:80]}' stands in line {first_seen[key]} already."))
        elif len(rows) >= MOST_ROWS:
            raise _refused("too_many", f"Line {line}: a table has at most {MOST_ROWS} rows.")
        else:
            first_seen[key] = line
            rows[key] = _row(header, cells)
        if len(problems) >= _MOST_TOLD:
            break
    if header is None:
        raise _refused("required", "The text is empty: it begins with a header, such as key,value.")
    if problems:
        raise Refused(problems)
    return rows


def _lines(lines: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that holds something, with the number of the line in which it begins."""
    while True:
        begins = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            raise _refused("malformed", f"Line {begins}: {error}.") from None
        if any(cell.strip() for cell in cells):
            yield begins, cells


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=header.count)


def _header(line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) < 2:
        raise _refused("invalid", f"Line {line}: the header names a key and at least one more column, as in key,value.")
    for place, name in enumerate(names, 1):
        if not name:
            raise _refused("invalid", f"Line {line}: column {place} of the header has no name.")
        if name in names[: place - 1]:
            raise _refused("invalid", f"Line {line}: the header names '{name[:80]}' twice.")
    return names


def _row(header: list[str], cells: list[str]) -> Any:
    values = [typed(cell) for cell in cells[1:]]
    if header[1:] == ["value"]:
        return values[0]
    return dict(zip(header[1:], values, strict=True))


def typed(cell: str) -> Any:
    """Return what a cell says: a number or a boolean where it is written as JSON would write it, else the text."""
    text = cell.strip()
    if text in ("true", "false"):
        return text == "true"
    if match := _NUMBER.fullmatch(text):
        return float(text) if match[2] else int(text)
    return cell


def _odd_row(key: Any, value: Any) -> str:
    if not isinstance(key, str) or not key.strip() or len(key) > MOST_KEY:
        return f"A key is a text of 1 to {MOST_KEY} characters; '{str(key)[:80]}' is none."
    if "\0" in key or "\0" in str(value):
        return f"The row '{key[:80]}' has a null character."
    if value is None:
        return f"The row '{key[:80]}' has no value: give a text, a number or an object, or leave it out."
    if _depth(value) > MOST_DEPTH:
        return f"The row '{key[:80]}' is nested deeper than {MOST_DEPTH} levels."
    return ""


def _depth(value: Any) -> int:
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inside), default=0)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _problem(detail: str) -> Problem:
    return Problem("rows", "invalid", detail)


def _refused(code: str, detail: str) -> Refused:
    return Refused([Problem("rows", code, detail)])


# --- writing ------------------------------------------------------------------------------------------------------


def fits_csv(rows: Mapping[str, Any]) -> bool:
    """Return whether CSV can hold these rows, so that reading gives the same again."""
    columns = _columns(rows)
    if not columns:
        return False
    try:
        again = _from_csv(_as_csv(rows, columns))
    except Refused:
        return False
    # As text, since 1 is not true and 1.0 is not 1.
    return odd_json.dumps(again) == odd_json.dumps(rows)


def as_csv(rows: Mapping[str, Any]) -> str:
    """Return rows as CSV. Raises Refused where they hold what CSV cannot."""
    if not fits_csv(rows):
        detail = "CSV cannot hold these rows (lists, objects in objects, or rows of several kinds): take JSON."
        raise _refused("not_csv", detail)
    return _as_csv(rows, _columns(rows))


def as_json(rows: Mapping[str, Any]) -> str:
    """Return rows as JSON, a row to a line."""
    lines = [f"  {odd_json.dumps(key).decode()}: {odd_json.dumps(value).decode()}" for key, value in rows.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n" if lines else "{}\n"


def _as_csv(rows: Mapping[str, Any], columns: list[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["key", *columns])
    for key, value in rows.items():
        writer.writerow(
            [key, *(_written(cell) for cell in (value.values() if isinstance(value, Mapping) else [value]))]
        )
    return text.getvalue()


def _columns(rows: Mapping[str, Any]) -> list[str]:
    """Return the names of the columns after the key; none where the rows have none in common."""
    shapes = {tuple(value) if isinstance(value, Mapping) else ("value",) for value in rows.values()} or {("value",)}
    return list(shapes.pop()) if len(shapes) == 1 else []


def _written(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)
