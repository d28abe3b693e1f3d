"""Values in a shell script: where they may stand, how they are written there, and that no value is ever a command."""

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.expressions import ExpressionError
from rules.scripting.text import compile_script

X = "{{ ticket.x }}"


def written(script: str) -> str:
    return compile_script(script, "shell").text


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (f"echo {X}", 'echo "${SO_1}"'),
        (f'echo "a {X} b"', 'echo "a ${SO_1} b"'),
        (f"echo a{X}b{X}", 'echo a"${SO_1}"b"${SO_2}"'),
        (f"NAME={X}\nexport OTHER={X}", 'NAME="${SO_1}"\nexport OTHER="${SO_2}"'),
        (f"x=$(grep {X} file | wc -l)", 'x=$(grep "${SO_1}" file | wc -l)'),
        (f'echo "$(echo "{X}" (a) )"'.replace(" (a)", ""), 'echo "$(echo "${SO_1}" )"'),
        (f"if [ {X} = urgent ]; then echo yes; fi", 'if [ "${SO_1}" = urgent ]; then echo yes; fi'),
        (f'[[ "{X}" == urgent && -n {X} ]] && echo', '[[ "${SO_1}" == urgent && -n "${SO_2}" ]] && echo'),
        (f"case {X} in urgent|high) echo {X} ;; esac", 'case "${SO_1}" in urgent|high) echo "${SO_2}" ;; esac'),
        (f"for item in a {X}; do echo $item; done", 'for item in a "${SO_1}"; do echo $item; done'),
        (f"list=(a {X})", 'list=(a "${SO_1}")'),
        (f"grep x <<< {X}", 'grep x <<< "${SO_1}"'),
        (f"cat <<END\n'$(\nEND\necho {X}", 'cat <<END\n\'$(\nEND\necho "${SO_1}"'),
        (f"cat <<-'END' >out\n\tdon't\n\tEND\necho {X}", "cat <<-'END' >out\n\tdon't\n\tEND\necho \"${SO_1}\""),
        (f"echo it # isn't {X}\necho {X}", 'echo it # isn\'t ${SO_1}\necho "${SO_2}"'),
        (f"echo 'it' \\\n  {X} 2>&1 >/dev/null", "echo 'it' \\\n  \"${SO_1}\" 2>&1 >/dev/null"),
        (f"timeout 5 curl -s {X}", 'timeout 5 curl -s "${SO_1}"'),
        (f"env -- LANG=C ls {X}", 'env -- LANG=C ls "${SO_1}"'),
        (f"bash -c 'echo \"$1\"' _ {X}", 'bash -c \'echo "$1"\' _ "${SO_1}"'),
        (f"python3 -c 'import sys' {X}", "python3 -c 'import sys' \"${SO_1}\""),
        (f"sed -n p {X} | grep -e {X} | wc -l", 'sed -n p "${SO_1}" | grep -e "${SO_2}" | wc -l'),
        (f"echo {X} || sh other.sh", 'echo "${SO_1}" || sh other.sh'),
        (f"python3 report.py --title {X}", 'python3 report.py --title "${SO_1}"'),
        (f"f() {{ echo $((1 + 2)) ${{1:-x}}; }}; f {X}", 'f() { echo $((1 + 2)) ${1:-x}; }; f "${SO_1}"'),
        ("docker ps --format '{{ '{{' }}.Names}}'", "docker ps --format '{{.Names}}'"),
        (
            f"docker ps --format '{{{{ '{{{{' }}}}.Names}}}}' -f name={X}",
            "docker ps --format '{{.Names}}' -f name=\"${SO_1}\"",
        ),
    ],
)
def test_a_value_becomes_a_variable_in_double_quotes(script: str, text: str) -> None:
    assert written(script) == text


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (f"echo '{X}'", "single quotes"),
        (f"echo `ls {X}`", "backticks"),
        (f'echo "`ls {X}`"', "backticks"),
        (f"cat <<END\n{X}\nEND", "here-document"),
        (f"cat <<'END'\n{X}\nEND", "here-document"),
        (f"cat <<{X}\nEND", "name of a file"),
        (f"eval echo {X}", "`eval`"),
        (f'eval "echo {X}"', "`eval`"),
        (f"e\\val {X}", "`eval`"),
        (f"'e'val {X}", "`eval`"),
        (f"builtin eval {X}", "`eval`"),
        (f"f() {{ eval {X}; }}", "`eval`"),
        (f"function f {{ eval {X}; }}", "`function`"),
        (f"if true; then eval {X}; fi", "`eval`"),
        (f"A=1 eval {X}", "`eval`"),
        (f"! time eval {X}", "`eval`"),
        (f"(eval {X})", "`eval`"),
        (f"echo $(eval {X})", "`eval`"),
        (f'echo "$(eval {X})"', "`eval`"),
        (f"diff <(eval {X}) b", "`eval`"),
        (f"2>/dev/null eval {X}", "`eval`"),
        (f"{X}", "cannot be a script"),
        (f"{X} --version", "the command itself"),
        (f"2>/dev/null {X}", "the command itself"),
        (f"A=1 {X}", "the command itself"),
        (f"sudo {X}", "the command itself"),
        (f"sudo -u root {X}", "cannot be told"),
        (f"sudo -u root python3 -c {X} x", "cannot be told|could run"),
        (f"timeout -s KILL {X}", "cannot be told"),
        (f"xargs -I X {X}", "cannot be told"),
        (f"$TOOL {X}", "not written out"),
        (f"$(which eval) {X}", "not written out"),
        (f"a[{X}]=1", "the command itself"),
        (f"list=([{X}]=1)", "array"),
        (f'bash -c "echo {X}"', "could run"),
        (f"/bin/sh -ec {X}", "could run"),
        (f'docker exec box sh -c "echo {X}"', "could run"),
        (f"awk '{{print}}' | sed -e p -e {X}", "could run"),
        (f"perl -ne {X}", "could run"),
        (f"python3 - {X}", "could run"),
        (f"bash -O extglob -c {X}", "could run"),
        (f"python3 -W ignore {X}", "could run"),
        (f"echo {X} | sh", "piped"),
        (f"echo {X} | sort | sudo bash -s", "piped"),
        (f"(echo {X}; echo y) |& sh", "piped"),
        (f"x=$(echo {X} | python3 -)", "piped"),
        (f"while read l; do echo {X}; done | sh", "piped"),
        (f'bash -c "$(echo {X})"', "could run"),
        (f"source <(echo {X})", "`source`"),
        (f'eval "$(date; echo {X})"', "`eval`"),
        (f"$(echo {X})", "the command itself"),
        (f"echo ${{y:-$(echo {X})}}", r"inside \$"),
        (f"compgen -C {X}", "`compgen`"),
        (f"sort --compress-program {X} a", "could run"),
        (f"tar --to-command={X} -xf a", "could run"),
        (f"rsync -e {X} a b", "could run"),
        (f"flock a -c {X}", "could run"),
        (f"ssh host restart {X}", "`ssh`"),
        (f"source {X}", "`source`"),
        (f". ./{X}", "`.`"),
        (f"trap {X} EXIT", "`trap`"),
        (f"echo $(( {X} + 1 ))", "arithmetic"),
        (f"if (( 5 == {X} )); then :; fi", "arithmetic"),
        (f"[[ 5 -eq {X} ]]", "-eq"),
        (f"[[ -n a && 5 -lt {X} ]]", "-lt"),
        (f"[[ -v {X} ]]", "-v"),
        (f"test -v {X}", "-v"),
        (f"let {X}", "`let`"),
        (f"read {X}", "`read`"),
        (f"declare -i n={X}", "`declare`"),
        (f"export {X}", "`export`"),
        (f"printf {X}", "format"),
        (f"printf -v {X} a", "-v|format"),
        (f"echo ${{y:-{X}}}", r"inside \$"),
        (f'echo "${{y:{X}}}"', r"inside \$"),
        (f"echo \\{X}", "backslash"),
        (f"echo ${X}", "dollar"),
        (f'echo "${X}"', "dollar"),
        (f"echo $'{X}'", "inside"),
        (f"echo x > {X}", "name of a file"),
        (f"cat < /tmp/{X}", "name of a file"),
        (f"PATH={X} ls", "PATH"),
        (f"find . -exec ls {X} \\;", "-exec"),
        (f"echo {X} 'never closed", "never closed"),
        (f'echo {X} "never closed', "never closed"),
        (f"echo {X} $(ls", "missing"),
        (f"cat <<END\nx\necho {X}", "here-document"),
        (f"x=$(case a in a) echo {X};; esac)", "`case`"),
        (f"echo {X} $[1+1]", "not known"),
        (f"echo {X} ${{y:-'}}'}}", "inside"),
    ],
)
def test_where_it_could_be_more_it_is_refused(script: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        written(script)


def test_the_place_is_told() -> None:
    with pytest.raises(ExpressionError) as caught:
        written(f"echo {X}\n  eval {X}")
    assert (caught.value.line, caught.value.column, caught.value.code) == (2, 8, "unsafe_in_script")


@pytest.mark.parametrize("root", ["steps.get.output", "inputs.script", "vars.x", 'env["SCRIPT"]'])
def test_a_script_that_is_one_expression_is_its_value(root: str) -> None:
    context: dict[str, Any] = {
        "steps": {"get": {"output": "date"}},
        "inputs": {"script": "date"},
        "vars": {"x": "date"},
        "env": {"SCRIPT": "date"},
    }
    assert compile_script(f"{{{{ {root} }}}}\n", "shell").fill_in(context) == ("date", {}, [])


@pytest.mark.parametrize("root", ["ticket.body", "event.x", "meta.type", "inputs.a + ticket.body", "now"])
def test_but_never_over_data_of_the_event(root: str) -> None:
    with pytest.raises(ExpressionError, match="cannot be a script") as caught:
        compile_script(f" {{{{ {root} }}}}\n", "shell")
    assert caught.value.code == "script_from_event"


def test_a_script_must_be_text() -> None:
    with pytest.raises(ExpressionError, match="no text"):
        compile_script("{{ inputs.x }}", "shell").fill_in({"inputs": {"x": 7}})


def test_values_are_text() -> None:
    script = compile_script("echo {{ t.a }} {{ t.b }} {{ t.c }} {{ t.d }}", "shell")
    _, variables, warnings = script.fill_in({"t": {"a": 7, "b": None, "c": [1, "x"], "d": "\ud800"}})
    assert variables == {"SO_1": "7", "SO_2": "", "SO_3": '[1,"x"]', "SO_4": "\ufffd"} and warnings == []
    # What no environment can hold never gets that far: expressions have it as U+FFFD.
    assert script.fill_in({"t": {"a": "a\0b"}})[1]["SO_1"] == "a\ufffdb"
    with pytest.raises(ExpressionError, match="larger"):
        script.fill_in({"t": {"a": "x" * 200_000}})


SHAPES = [
    f"printf '%s\\0' {X}",
    f'printf "%s\\0" "{X}"',
    f"NAME={X}; printf '%s\\0' \"$NAME\"",
    f"printf '%s\\0' \"$(printf %s {X}; printf .)\" | sed 's/\\.\\x00$/\\x00/'",
    f"[[ {X} == x ]] ; printf '%s\\0' {X}",
    f"for i in {X}; do printf '%s\\0' \"$i\"; done",
    f"list=({X}); printf '%s\\0' \"${{list[0]}}\"",
    f'bash -c \'printf "%s\\0" "$1"\' _ {X}',
    f"f() {{ printf '%s\\0' \"$1\"; }}; f {X}",
]
ODD = [
    "$(touch /tmp/pwned)",
    "`id`",
    "a'b\"c",
    "x\ny",
    "; id",
    "-e",
    "--help",
    "*",
    "~",
    "a[$(id)]",
    "${PATH}",
    "\\",
    "{a,b}",
    "!!",
    "&",
    "|",
    "#x",
    " ",
    "%s",
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", ODD)
def test_whatever_a_value_holds_arrives_as_it_is(shape: str, value: str) -> None:
    assert _run(shape, value) == value


@settings(max_examples=60, deadline=None)
@given(
    value=st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=20),
    shape=st.sampled_from(SHAPES[:3]),
)
def test_no_value_is_a_command(value: str, shape: str) -> None:
    assert _run(shape, value) == value


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                X,
                "'",
                '"',
                "`",
                "$(",
                ")",
                "${",
                "}",
                "((",
                "\\",
                "\n",
                " ",
                "<<E",
                "E\n",
                "eval",
                "echo ",
                ";",
                "#",
                "[[",
                "]]",
                "a=",
                "(",
                "case",
            ]
        ),
        max_size=14,
    )
)
def test_whatever_is_typed_is_understood_or_refused(parts: list[str]) -> None:
    try:
        text = compile_script("".join(parts), "shell").text
    except ExpressionError:
        return
    assert "ticket" not in text


def _run(script: str, value: str) -> str:
    text, variables, _ = compile_script(script, "shell").fill_in({"ticket": {"x": value}})
    done = subprocess.run(
        ["/bin/bash", "-c", text], env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, check=False
    )
    assert done.stdout.endswith(b"\0"), done
    return done.stdout[:-1].decode()
