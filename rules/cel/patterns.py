"""How much work a regular expression is.

RE2 takes time in proportion to text times program, and counted repetitions make long programs of short patterns:
`((x?){100}){10}` over 200 KB takes 8 s (measured 2026-11). So the program's length is estimated beforehand.
"""

import re

_ATOM = re.compile(r"\\[pP]\{[^}]*\}|\\Q.*?\\E|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|.", re.DOTALL)
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
# A character class or a dot is a tree of byte ranges in UTF-8.
_CLASS = 8


def program_length(pattern: str) -> float:
    """Return about how many instructions RE2 makes of a pattern, rather too many than too few."""
    levels: list[list[float]] = [[]]
    at = 0
    while at < len(pattern):
        if (count := _COUNT.match(pattern, at)) and levels[-1]:
            times = max(int(count[1][:6]), int((count[2] or "0")[:6])) + (count[2] == "")
            levels[-1][-1] *= max(1, times)
            at = count.end()
            continue
        atom = _ATOM.match(pattern, at)
        text = atom.group() if atom else pattern[at]
        at += len(text)
        if text == "(":
            levels.append([])
        elif text == ")" and len(levels) > 1:
            inside = sum(levels.pop()) + 2
            levels[-1].append(inside)
        elif text in "*+?" and levels[-1]:
            levels[-1][-1] += 1
        else:
            is_class = len(text) > 1 and (text[0] == "[" or text[1] in "pPwWsSdDQ")
            levels[-1].append(_CLASS if is_class or text == "." or not text.isascii() else 1)
    return sum(map(sum, levels)) + 1
