"""Values in a Python script: expressions that read the environment, and nothing that is evaluated."""

import subprocess
import sys

import pytest

from rules.expressions import ExpressionError
from rules.scripting.text import compile_script

X = "{{ ticket.x }}"


@pytest.mark.parametrize(
    "script",
    [
        f"print({X}, end='')",
        f"x = {X}\nprint(x, end='')",
        f"def f(a): return{X}\nprint(f(1), end='')",
        f"import sys  # {X}\nsys.stdout.write('' + {X})",
        f"d = {{'a': {X}, **{{}}}}\nprint(*[d['a'] for _ in [{X}]], end='')".replace("{{}}", "dict()"),
        f"print('%s' % {X} if {X} else {X}, end='')",
        f"print(f'{{len({X})}}'[:0] + {X}, end='')".replace(f"{{len({X})}}", "x"),
    ],
)
@pytest.mark.parametrize("value", ['"""', "'); import os; os.system('id')", "a\nb", "\\", "{x}", "", "ü"])
def test_a_value_is_a_text_whatever_it_holds(script: str, value: str) -> None:
    text, variables, _ = compile_script(script, "python").fill_in({"ticket": {"x": value}})
    done = subprocess.run(
        [sys.executable, "-c", text], env={"PYTHONIOENCODING": "utf-8", **variables}, capture_output=True, check=True
    )
    assert done.stdout.decode() in (value, "x"[:0] + value)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (f"print('{X}')", "inside a text"),
        (f'print("""a {X}""")', "inside a text"),
        (f"print(f'{X}')", "inside a text|no Python"),
        (f"print(b'{X}')", "inside a text"),
        (f"eval({X})", "`eval`"),
        (f"exec('a' + str({X}))", "`exec`"),
        (f"__import__({X})", "`__import__`"),
        (f"import os\nos.system('ls ' + {X})", "`system`"),
        (f"import subprocess\nsubprocess.run('ls ' + {X}, shell=True)", "evaluate"),
        (f"import subprocess\nsubprocess.run('ls ' + {X}, shell=x)", "evaluate"),
        (f"{X} = 1", "no Python|assigned"),
        (f"for {X} in []: pass", "assigned"),
        (f"import {X}", "name"),
        (f"a.{X}", "name"),
        (f"def f({X}): pass", "name"),
        (f"f({X}=1)", "name"),
        (f"x = {X}()", "called"),
        (f"x{X}", "no Python"),
        (f"print {X}", "no Python"),
        (f"if x:\nprint({X})", "no Python"),
        ("x = " + "(" * 300 + X + ")" * 300, "no Python|nested"),
        ("x = " + "-" * 5000 + X, "no Python|nested"),
        (f"x = SO_VALUE_1_ + {X}", "taken"),
    ],
)
def test_where_it_could_be_more_it_is_refused(script: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        compile_script(script, "python")


def test_a_list_of_arguments_is_fine() -> None:
    script = f"import subprocess\nsubprocess.run(['ls', {X}], shell=False)"
    assert compile_script(script, "python").text.endswith('[\'ls\', (__import__("os").environ["SO_1"])], shell=False)')
