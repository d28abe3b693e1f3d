"""Which words of a shell command a value may be: never the command itself, and never what a command evaluates."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rules.scripting.pieces import Misplaced, Value


@dataclass
class Word:
    """A word of a command: its text without quotes, and the first value in it.

    `is_known`: the text is all there is, without expansions. `before_value` is the text that stands before the value.
    """

    text: str = ""
    value: Value | None = None
    before_value: str = ""
    is_known: bool = True

    def add_value(self, value: Value) -> None:
        if self.value is None:
            self.value, self.before_value = value, self.text

    @property
    def assigned(self) -> str | None:
        """The name of the variable to which this assigns, None where it is no assignment."""
        found = _ASSIGNMENT.match(self.before_value if self.value else self.text)
        return found[1] if found else None


@dataclass
class Command:
    """The words of one simple command, in order."""

    words: list[Word] = field(default_factory=list)


_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=")
_NUMBER = re.compile(r"[0-9.]+[smhd]?")
_KEYWORDS = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"})
# They run their arguments as a command.
_RUNNERS = re.compile(
    r"builtin|chroot|command|doas|env|exec|ionice|nice|nohup|setsid|stdbuf|sudo|taskset|timeout|xargs"
)
# They evaluate what they are given, here or on another machine.
_EVALUATORS = re.compile(
    r"\.|alias|at|batch|bind|compgen|complete|coproc|crontab|enable|eval|expect|fc|function|mapfile|parallel|readarray"
    r"|screen|script|source|ssh|su|tmux|trap|watch"
)
# The first argument that is no option is their program, what follows are only its arguments.
_INTERPRETERS = re.compile(
    r"(ash|bash|busybox|csh|dash|fish|ksh|mksh|sh|tcsh|zsh|awk|gawk|mawk|nawk|sed|jq|perl|ruby|node|php|lua|tclsh"
    r"|python[0-9.]*|pypy[0-9.]*)"
)
# What stands after one of their options of this form is the program.
_PROGRAM_FOLLOWS = re.compile(r"-[A-Za-z]*[ce]")
# Of these, those that take options, and parts of their program, after it too; with the options that take no argument.
_FLAGS = {"sed": re.compile(r"-[nErsuz]+"), "jq": re.compile(r"-[rncsSMaj]+")}
_NAMES_A_COMMAND = re.compile(
    r"--?[a-z-]*(exec|command|cmd|program|prog|shell|rsh|filter|action|hook|pager|editor|eval|script)", re.IGNORECASE
)
_HARMLESS_SHORT = frozenset({"grep", "egrep", "fgrep", "rg", "ping", "head", "tail", "wc", "cut", "curl", "stat"})
_SHELL = re.compile(r"(ash|bash|dash|ksh|mksh|sh|zsh)")
# An argument of theirs is a name, and what stands in the brackets of a name is evaluated.
_TAKE_NAMES = frozenset({"let", "read", "unset", "getopts", "wait"})
_DECLARE = frozenset({"declare", "export", "local", "readonly", "typeset"})
# What they decide is how later commands are found or read.
_READ_BY_SHELL = re.compile(r"PATH|IFS|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS[0-4]|PROMPT_COMMAND|LD_.*|GLIBC_TUNABLES")
_ARITHMETIC = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_NAMES_A_VARIABLE = frozenset({"-v", "-R"})


def check_command(command: Command) -> None:
    """Raise Misplaced where a value in a command could be more than a value."""
    words: Sequence[Word] = command.words
    if all(word.value is None for word in words):
        return
    words = after_keywords(words)
    for word in words:
        if word.value is not None and (name := word.assigned) and _READ_BY_SHELL.fullmatch(name):
            raise Misplaced(f"The shell itself reads {name}: a value cannot be assigned to it.", word.value.offset)
    words = _after_assignments(words)
    _check_words(words)


def after_keywords(words: Sequence[Word]) -> Sequence[Word]:
    """Return the words of a command without the keywords before it."""
    at = 0
    while at < len(words) and words[at].value is None and words[at].text in _KEYWORDS:
        at += 1
    return words[at:]


def _after_assignments(words: Sequence[Word]) -> Sequence[Word]:
    at = 0
    while at < len(words) and words[at].assigned is not None:
        at += 1
    return words[at:]


def _check_words(words: Sequence[Word]) -> None:
    first_value = next((word.value for word in words if word.value is not None), None)
    if first_value is None:
        return
    head, arguments = words[0], words[1:]
    if head.value is not None:
        raise Misplaced("A value cannot be the command itself: write the command out.", head.value.offset)
    if not head.is_known or head.text.startswith("-"):
        raise Misplaced(
            "Which command gets this value is not written out, so it cannot be told whether it would evaluate it.",
            first_value.offset,
        )
    name = _program(head)
    if _EVALUATORS.fullmatch(name):
        raise Misplaced(f"`{name}` evaluates what it is given: a value cannot be part of that.", first_value.offset)
    if _RUNNERS.fullmatch(name):
        _check_run_by(name, arguments, first_value)
    elif _INTERPRETERS.fullmatch(name):
        _check_program(name, arguments)
    elif name in _TAKE_NAMES:
        raise Misplaced(f"`{name}` takes names and evaluates them: a value cannot be one.", first_value.offset)
    elif name in _DECLARE:
        _check_declaration(name, arguments)
    elif name in ("[[", "[", "test", "printf", "find"):
        _check_options(name, arguments, first_value)
    if not _INTERPRETERS.fullmatch(name):
        _check_hooks(name, arguments)
    for place, word in enumerate(arguments):
        # `docker exec box sh -c "..."` runs a program as well, whoever runs it.
        if word.value is None and _SHELL.fullmatch(_program(word)):
            _check_program(_program(word), arguments[place + 1 :])


def _program(word: Word) -> str:
    return word.text.rpartition("/")[2]


def _check_run_by(name: str, arguments: Sequence[Word], value: Value) -> None:
    """Check the command that a runner's arguments are, whichever of them are the runner's own options."""
    at = 0
    while at < len(arguments) and _is_of_runner(arguments[at]):
        at += 1
    options = sum(word.text.startswith("-") for word in arguments[:at])
    if at and arguments[at - 1].text == "--":
        options = 0
    before = arguments[: next(place for place, word in enumerate(arguments) if word.value is not None)]
    options_in_all = sum(word.text.startswith("-") for word in before)
    if options and len(before) - options_in_all <= options_in_all:
        # Any option may have taken the word after it.
        raise Misplaced(f"It cannot be told which command `{name}` runs: a value cannot follow here.", value.offset)
    _check_words(arguments[at:])
    for place, word in enumerate(arguments):
        if word.value is None and _EVALUATORS.fullmatch(_program(word)):
            raise Misplaced(f"`{word.text}` evaluates what it is given: a value cannot be part of that.", value.offset)
        if word.value is None and _INTERPRETERS.fullmatch(_program(word)):
            _check_program(_program(word), arguments[place + 1 :])


def _is_of_runner(word: Word) -> bool:
    if word.assigned is not None:
        return True
    return word.value is None and (word.text.startswith("-") or _NUMBER.fullmatch(word.text) is not None)


def _check_program(name: str, arguments: Sequence[Word]) -> None:
    """Check what an interpreter is given: a value is none of its options, nor its program."""
    options = others = 0
    has_program = is_after_option = False
    flags = _FLAGS.get(name)
    for place, word in enumerate(arguments):
        is_option = word.text.startswith("-")
        if word.value is not None:
            if not has_program or (name in _FLAGS and (is_option or is_after_option)):
                raise Misplaced(
                    f"`{name}` could run this value: give it as an argument after the program or its file.",
                    word.value.offset,
                )
            continue
        is_after_option = is_option
        if not is_option:
            others += 1
        elif flags is None or not flags.fullmatch(word.text):
            options += 1
        following = arguments[place + 1] if place + 1 < len(arguments) else None
        is_program_next = (
            following is not None and following.value is None and _PROGRAM_FOLLOWS.fullmatch(word.text) is not None
        )
        # Any other option may have taken the word after it.
        has_program = has_program or others > options or (is_program_next and not others)


def check_piped(command: Command, value: Value) -> None:
    """Raise Misplaced where a command that is fed with what a value led to would run it."""
    words = [word for word in after_keywords(command.words) if word.value is None]
    for place, word in enumerate(words):
        name = _program(word)
        reads_program = _INTERPRETERS.fullmatch(name) and all(other.text == "-" for other in words[place + 1 :])
        if _SHELL.fullmatch(name) or reads_program:
            raise Misplaced(f"`{name}` would run what this value is piped into it with.", value.offset)


def _check_hooks(name: str, arguments: Sequence[Word]) -> None:
    """Options that name a command to run, of whatever program: ``--to-command``, ``--compress-program``, ``-e``."""
    before = ""
    for word in arguments:
        if word.value is not None:
            own = word.before_value if word.before_value.startswith("-") else ""
            for option in (own, before):
                is_short = option in ("-c", "-e") and name not in _HARMLESS_SHORT
                if is_short or _NAMES_A_COMMAND.match(option):
                    raise Misplaced(f"`{name} {option}` could run this value.", word.value.offset)
        before = word.text if word.value is None and word.text.startswith("-") else ""


def _check_declaration(name: str, arguments: Sequence[Word]) -> None:
    for word in arguments:
        if word.value is not None and word.assigned is None:
            raise Misplaced(f"`{name}` takes names: a value can only stand after NAME=.", word.value.offset)
    if any(word.text.startswith("-") and set(word.text) & set("ainA") for word in arguments):
        offset = next(word.value.offset for word in arguments if word.value is not None)
        raise Misplaced(f"`{name}` with such an option evaluates a value: declare a plain variable.", offset)


def _check_options(name: str, arguments: Sequence[Word], value: Value) -> None:
    texts = {word.text for word in arguments if word.value is None}
    refused = _NAMES_A_VARIABLE | (_ARITHMETIC if name == "[[" else frozenset())
    if name == "find":
        refused = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
    if name == "printf":
        refused = frozenset({"-v"})
        if arguments and arguments[0].value is not None:
            raise Misplaced('A value cannot be the format of `printf`: write printf "%s".', value.offset)
    if found := sorted(texts & refused):
        better = " Use [ ... ] instead." if name == "[[" else ""
        raise Misplaced(f"`{name}` with {found[0]} evaluates what it is given.{better}", value.offset)


def _check_shell_within(arguments: Sequence[Word]) -> None:
    """`docker exec box sh -c "..."` runs a program as well, whoever runs it."""
    shell = next((at for at, word in enumerate(arguments) if _SHELL.fullmatch(word.text.rpartition("/")[2])), None)
    if shell is not None and arguments[shell].value is None:
        _check_program(arguments[shell].text, arguments[shell + 1 :])
