"""Reads a shell script just far enough to know where each value stands, and writes it as ``${SO_1}`` there.

In the safety of double quotes: within them as it is, outside of all quotes in quotes of its own. Inside single
quotes, backticks, here-documents and arithmetic a value is refused, and so is every script that cannot be followed
up to its end. The grammar is that of POSIX, "Shell Command Language", with what bash adds; what is not understood is
never guessed.
"""

import re
from collections.abc import Sequence

from rules.scripting.commands import Command, Word, after_keywords, check_command, check_piped
from rules.scripting.pieces import Misplaced, Unit, Value, units_of

_BLANK = " \t"
_ENDS_COMMAND = "\n;&|()"
_ENDS_WORD = _BLANK + _ENDS_COMMAND + "<>"
_ARRAY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_DESCRIPTOR = re.compile(r"[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\}")
# What a compound command before a pipe wrote may stand anywhere before.
_END_COMPOUND = frozenset({"done", "fi", "esac", "}"})
_DEEPEST = 50


def shell_text(pieces: Sequence[str | Value]) -> str:
    """Return a script with its values written as environment variables. Raises Misplaced."""
    return _Reader(list(units_of(pieces))).read()


class _Reader:
    def __init__(self, units: list[Unit]) -> None:
        self._units, self._at, self._out = units, 0, list[str]()
        self._depth = 0
        self._written: list[Value] = []
        # Of here-documents whose bodies begin at the next line: the word that ends each, and whether tabs go before it.
        self._documents: list[tuple[str, bool]] = []

    def read(self) -> str:
        self._commands(closing=None)
        if self._documents:
            raise self._lost("a here-document is never closed")
        return "".join(self._out)

    # --- units ------------------------------------------------------------------------------------------------
    def _peek(self, ahead: int = 0) -> Unit | None:
        place = self._at + ahead
        return self._units[place] if place < len(self._units) else None

    def _looks_at(self, text: str) -> bool:
        return all(self._peek(place) == char for place, char in enumerate(text))

    def _take(self) -> str:
        """Copy the next character, which is the author's."""
        unit = self._units[self._at]
        if isinstance(unit, Value):
            raise Misplaced("A value cannot stand here.", unit.offset)
        self._at += 1
        self._out.append(unit)
        return unit

    def _lost(self, why: str) -> Misplaced:
        """The script cannot be followed: said at the last value, since without one it would not matter."""
        last = next(unit for unit in reversed(self._units) if isinstance(unit, Value))
        return Misplaced(f"The script cannot be understood around its values: {why}.", last.offset)

    def _refuse_values(self, unit: Unit | None, where: str) -> None:
        if isinstance(unit, Value):
            raise Misplaced(
                f"A value cannot stand {where}: put it in double quotes, or name it under `env` and use the variable.",
                unit.offset,
            )

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._lost("it is nested too deeply")

    # --- commands ---------------------------------------------------------------------------------------------
    def _commands(self, closing: str | None) -> None:
        """Read commands up to `closing`, which is taken too, or to the end of the script."""
        self._enter()
        command = Command()
        # How many values there were when the present pipeline began, and the one that is piped into this command.
        begun, piped = len(self._written), None
        while (unit := self._peek()) is not None:
            if unit == closing:
                self._end(command, piped, is_nested=closing is not None)
                self._take()
                self._depth -= 1
                return
            if unit == "&" and self._peek(1) == ">":
                self._take()
                self._redirection(command)
            elif self._looks_at("(("):
                self._arithmetic(2)
            elif isinstance(unit, str) and unit in _ENDS_COMMAND:
                self._end(command, piped, is_nested=closing is not None)
                is_pipe = unit == "|" and self._peek(1) != "|"
                is_compound = bool(command.words) and command.words[0].text in _END_COMPOUND
                if is_pipe and len(self._written) > (0 if is_compound else begun):
                    piped = self._written[-1]
                elif unit not in ("|", "(", ")", "&") or self._looks_at("||"):
                    begun, piped = len(self._written), None
                command = Command()
                self._separator()
            else:
                self._part(command)
        if closing is not None:
            raise self._lost(f"'{closing}' is missing")
        self._end(command, piped, is_nested=False)
        self._depth -= 1

    def _separator(self) -> None:
        char = self._take()
        if char == "\n":
            self._bodies()
        elif char == "(":
            self._commands(closing=")")

    def _end(self, command: Command, piped: Value | None, *, is_nested: bool) -> None:
        words = after_keywords(command.words)
        if is_nested and words and words[0].text == "case":
            # Its patterns end with parentheses that nothing opened.
            raise self._lost("`case` inside of parentheses")
        check_command(command)
        if piped is not None:
            check_piped(command, piped)

    def _part(self, command: Command) -> None:
        """Read what stands next in a command: blanks, a comment, a redirection or a word."""
        unit = self._peek()
        if isinstance(unit, str) and unit in _BLANK:
            self._take()
        elif unit == "#":
            self._comment()
        elif unit in ("<", ">"):
            self._redirection(command)
        else:
            word = self._word()
            command.words.append(word)
            if self._peek() in ("<", ">") and word.value is None and _DESCRIPTOR.fullmatch(word.text):
                command.words.pop()  # the descriptor of the redirection that follows
            elif self._peek() == "(" and word.value is None and _ARRAY.fullmatch(word.text):
                self._array()
            elif word.text == "[[" and len(after_keywords(command.words)) == 1:
                self._test(command)

    def _test(self, command: Command) -> None:
        """Read the rest of ``[[ ... ]]``, which is one command whatever stands in it."""
        while command.words[-1].text != "]]":
            unit = self._peek()
            if unit is None:
                raise self._lost("']]' is missing")
            if unit == ";":
                raise self._lost("';' inside [[ ... ]]")
            if isinstance(unit, str) and unit in _ENDS_WORD:
                self._take()
            else:
                command.words.append(self._word())

    def _comment(self) -> None:
        while (unit := self._peek()) is not None and unit != "\n":
            if isinstance(unit, Value):
                self._write(unit, "${%s}")
            else:
                self._take()

    def _array(self) -> None:
        """Read ``NAME=( ... )``, whose words are values and nothing else."""
        self._take()
        while (unit := self._peek()) != ")":
            if unit is None:
                raise self._lost("')' is missing")
            if isinstance(unit, str) and unit in _BLANK + "\n":
                self._take()
            elif unit == "#":
                self._comment()
            elif isinstance(unit, str) and unit in ";&|<>(":
                raise self._lost(f"'{unit}' in a list of values")
            else:
                word = self._word()
                if word.value is not None and word.text.startswith("["):
                    raise Misplaced("A value cannot stand in an array with indexes.", word.value.offset)
        self._take()

    # --- redirections and here-documents ------------------------------------------------------------------------
    def _redirection(self, command: Command) -> None:
        if self._looks_at("<<<"):
            operator = "<<<"
        elif self._looks_at("<<-"):
            operator = "<<-"
        else:
            operator = next(
                (two for two in ("<<", "<&", "<>", ">>", ">&", ">|") if self._looks_at(two)), str(self._peek())
            )
        for _ in operator:
            self._take()
        if self._peek() == "(" and operator in ("<", ">"):
            word = Word("/dev/fd/", is_known=False)
            self._substitution(word)
            command.words.append(word)
            return
        while (unit := self._peek()) is not None and unit in (" ", "\t"):
            self._take()
        word = self._word()
        if operator == "<<<":
            return
        self._refuse_values(word.value, "in the name of a file to read or write")
        if operator in ("<<", "<<-"):
            if not word.is_known or not word.text or "\n" in word.text:
                raise self._lost("the end of a here-document is not a plain word")
            self._documents.append((word.text, operator == "<<-"))

    def _bodies(self) -> None:
        """Read the here-documents that begin at this line."""
        documents, self._documents = self._documents, []
        for ending, has_tabs in documents:
            while True:
                if self._peek() is None:
                    raise self._lost(f"the here-document up to {ending} is never closed")
                line = self._line()
                if (line.lstrip("\t") if has_tabs else line) == ending:
                    break

    def _line(self) -> str:
        line = ""
        while (unit := self._peek()) is not None:
            self._refuse_values(unit, "inside a here-document")
            char = self._take()
            if char == "\n":
                break
            line += char
        return line

    # --- words ------------------------------------------------------------------------------------------------
    def _word(self) -> Word:
        """Read one word; it may be empty where something else stands."""
        word = Word()
        while (unit := self._peek()) is not None:
            if isinstance(unit, Value):
                word.add_value(unit)
                self._write(unit, '"${%s}"')
            elif unit in _ENDS_WORD:
                break
            elif unit == "'":
                self._single_quotes(word)
            elif unit == '"':
                self._double_quotes(word)
            elif unit == "\\":
                self._escape(word)
            elif unit == "$":
                self._dollar(word, in_quotes=False)
            elif unit == "`":
                self._backticks(word)
            else:
                word.text += self._take()
        return word

    def _write(self, value: Value, form: str) -> None:
        self._written.append(value)
        self._out.append(form % value.name)
        self._at += 1

    def _escape(self, word: Word) -> None:
        self._take()
        unit = self._peek()
        if isinstance(unit, Value):
            raise Misplaced("A backslash stands right before this value: take it away.", unit.offset)
        if unit is None:
            raise self._lost("it ends with a backslash")
        char = self._take()
        word.text += "" if char == "\n" else char

    def _single_quotes(self, word: Word) -> None:
        self._take()
        while self._peek() != "'":
            if self._peek() is None:
                raise self._lost("a single quote is never closed")
            self._refuse_values(self._peek(), "inside single quotes")
            word.text += self._take()
        self._take()

    def _double_quotes(self, word: Word) -> None:
        self._enter()
        self._take()
        while (unit := self._peek()) != '"':
            if unit is None:
                raise self._lost("a double quote is never closed")
            if isinstance(unit, Value):
                word.add_value(unit)
                self._write(unit, "${%s}")
            elif unit == "\\":
                self._escape(word)
            elif unit == "$":
                self._dollar(word, in_quotes=True)
            elif unit == "`":
                self._backticks(word)
            else:
                word.text += self._take()
        self._take()
        self._depth -= 1

    def _backticks(self, word: Word) -> None:
        word.is_known = False
        self._take()
        while (unit := self._peek()) != "`":
            if unit is None:
                raise self._lost("a backtick is never closed")
            self._refuse_values(unit, "inside backticks")
            if self._take() == "\\" and self._peek() is not None:
                self._refuse_values(self._peek(), "inside backticks")
                self._take()
        self._take()

    # --- what a dollar begins -----------------------------------------------------------------------------------
    def _dollar(self, word: Word, *, in_quotes: bool) -> None:
        self._take()
        unit = self._peek()
        if isinstance(unit, Value):
            raise Misplaced("A dollar stands right before this value: take it away.", unit.offset)
        if unit == "'" and not in_quotes:
            self._ansi_quotes(word)
        elif unit == '"' and not in_quotes:
            self._double_quotes(word)
        elif self._looks_at("(("):
            word.is_known = False
            self._arithmetic(2)
        elif unit == "(":
            word.is_known = False
            self._substitution(word)
        elif unit == "{":
            word.is_known = False
            self._parameter()
        elif unit == "[":
            raise self._lost("$[ ... ] is not known")
        else:
            word.text += "$"
            word.is_known = word.is_known and not (isinstance(unit, str) and (unit.isalnum() or unit in "_@*#?-$!"))

    def _ansi_quotes(self, word: Word) -> None:
        self._take()
        while (unit := self._peek()) != "'":
            if unit is None:
                raise self._lost("a quote is never closed")
            self._refuse_values(unit, "inside $'...'")
            if self._take() == "\\" and self._peek() is not None:
                self._refuse_values(self._peek(), "inside $'...'")
                self._take()
        self._take()
        word.is_known = False

    def _substitution(self, word: Word) -> None:
        """Read ``( ... )`` whose output stands in a word: where a value went in, one may come out."""
        before = len(self._written)
        self._take()
        self._commands(closing=")")
        if len(self._written) > before:
            word.add_value(self._written[-1])

    def _parameter(self) -> None:
        """Read ``${...}``: its parts may be evaluated, so none is a value."""
        self._enter()
        self._take()
        inner = Word()
        while (unit := self._peek()) != "}":
            if unit is None:
                raise self._lost("'}' is missing")
            self._refuse_values(unit, "inside ${...}")
            if unit == "\\":
                self._escape(inner)
            elif unit == '"':
                self._double_quotes(inner)
                self._refuse_values(inner.value, "inside ${...}")
            elif unit == "$":
                self._dollar(inner, in_quotes=True)
            elif unit in ("'", "`"):
                raise self._lost(f"{unit} inside ${{...}}")
            else:
                self._take()
        self._refuse_values(inner.value, "inside ${...}")
        self._take()
        self._depth -= 1

    def _arithmetic(self, opening: int) -> None:
        """Read ``((...))``: what stands there is evaluated, so nothing is a value."""
        for _ in range(opening):
            self._take()
        depth = opening
        while depth:
            unit = self._peek()
            if unit is None:
                raise self._lost("'))' is missing")
            self._refuse_values(unit, "inside arithmetic")
            if isinstance(unit, str) and unit in "'\"`\\#;":
                raise self._lost(f"{unit} inside arithmetic")
            char = self._take()
            depth += {"(": 1, ")": -1}.get(char, 0)
