"""The texts that people read, and their translations.

``python -m supportops.running.translations update`` takes every text out of code, templates and scripts (by xgettext),
adds what connectors and the gallery say of themselves, and brings the files of supportops/locale up to date; what is
new there waits for somebody to translate it. ``check`` fails where a text has no translation, where one names other
values than its text, or where the compiled file is not that of its source.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from supportops.running.arguments import BASE_DIR, PACKAGES
from supportops.running.console import complain, say
from supportops.running.foreign_names import committed_files

LOCALE = Path("supportops") / "locale"
LANGUAGES = ("de",)
DOMAINS = ("django", "djangojs")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
# A call with literal texts, up to what follows them.
_CALL = re.compile(r"""\bn?gettext\((?:\s*"(?:[^"\\]|\\.)*"\s*,?)+[^()]*?\)""")
# Words that pages take out of rows: notes of versions, what a step waits for, what began a run, what came of a job, and
# who acted.
_WORDS_OF_ROWS = (
    *("created", "changed", "approval", "credentials", "person", "time", "run", "retry", "digest"),
    *("event", "api", "manual", "replay", "schedule", "timer", "rule"),
    *("unchanged", "retried", "listed", "planned", "replayed", "not replayed", "runs", "reasons"),
    *("events", "forgotten", "fired", "calls", "held back", "matched then", "gained", "gained count", "lost"),
    *("lost count", "examples", "contents since"),
    *("user", "token", "platform", "system"),
)
# Where the texts of declarations stand for xgettext to find.
_DECLARED = Path("supportops") / "declared_texts.py"


def declared_texts() -> Iterator[str]:
    """Yield what connectors, kinds of steps and templates of the gallery say of themselves, which forms show."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
    django.setup()
    from audit import vocabulary
    from audit.filters import resource_types
    from integrations import notices
    from integrations.credentials import credentials_model
    from integrations.pieces import pieces_of
    from integrations.registry import all_connectors
    from rules import gallery
    from rules.document import RuleDocument, StepDocument, Trigger
    from rules.kinds import MODELS
    from rules.step_choices import label_of
    from rules.workflow_faces import words_of as event_words
    from supportops.tenancy import model_texts, theme_texts
    from supportops.tenancy.roles import Permission, Role
    from supportops.tenancy.templatetags.admin_parts import BADGE_WORDS

    def of_model(model: Any) -> Iterator[str]:
        for piece in pieces_of(model) if model is not None else ():
            yield piece.label
            yield piece.help

    yield from model_texts.declared_texts()
    yield from theme_texts.TEXTS
    yield from (word.replace("_", " ") for word in (*BADGE_WORDS, *resource_types()))
    yield from (*Permission, *Role, *_WORDS_OF_ROWS)
    yield from (*notices.EVENTS.values(), *(vocabulary.meaning_of(name) for name in vocabulary.names()))
    for connector in all_connectors():
        if connector.is_own:
            continue
        yield connector.description
        yield from of_model(credentials_model(connector))
        yield from of_model(connector.Config)
        for action in connector.actions:
            yield from (action.description, action.label or label_of(action.name))
            yield from of_model(action.model)
        for event in connector.events:
            yield from (event.description, event.label or event_words(event.name))
    for kind in (*MODELS.values(), Trigger, StepDocument, RuleDocument):
        yield from of_model(kind)
    for template in gallery.templates().values():
        yield from (template.title, template.description, template.group)
        for parameter in template.parameters.values():
            yield from (parameter.title, parameter.description)


def extracted(folder: Path) -> dict[tuple[str, str], Catalog]:
    """Return the catalogues, by language and domain, with every text there is now. Works in a copy, in `folder`.

    Raises LookupError without xgettext.
    """
    if shutil.which("xgettext") is None:
        raise LookupError("xgettext is not installed (Debian's package gettext)")
    for path in committed_files(BASE_DIR):
        if path.parts[0] in (*PACKAGES, "manage.py") and path.suffix in (".py", ".html", ".js", ".txt", ".po"):
            if not (BASE_DIR / path).is_file() or "vendor" in path.parts:
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(BASE_DIR / path, folder / path)
    for path in committed_files(BASE_DIR):
        if path.suffix in (".ts", ".tsx") and (BASE_DIR / path).is_file():
            stub = (folder / path).with_suffix(".js")
            stub.parent.mkdir(parents=True, exist_ok=True)
            # Types and markup in scripts are none of xgettext's languages; the calls alone are.
            stub.write_text("\n".join(f"{call};" for call in _CALL.findall((BASE_DIR / path).read_text())))
    texts = sorted({text.strip() for text in declared_texts() if text.strip()})
    lines = ["from django.utils.translation import gettext_noop", *(f"gettext_noop({text!r})" for text in texts)]
    (folder / _DECLARED).write_text("\n".join(lines) + "\n")
    for domain in DOMAINS:
        command = ["manage.py", "makemessages", "--domain", domain, "--no-location", "--no-obsolete", "--no-wrap"]
        for language in LANGUAGES:
            (folder / LOCALE / language / "LC_MESSAGES").mkdir(parents=True, exist_ok=True)
            command += ["--locale", language]
        subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL, env=_environment(folder)
        )
    return {
        (language, domain): _read(folder / _place(language, domain)) for language in LANGUAGES for domain in DOMAINS
    }


def update() -> int:
    """Bring the files up to date and say what waits for a translation; give the exit code."""
    with tempfile.TemporaryDirectory(prefix="supportops-texts-") as folder:
        for (language, domain), catalog in extracted(Path(folder)).items():
            path = BASE_DIR / _place(language, domain)
            path.parent.mkdir(parents=True, exist_ok=True)
            for message in catalog:
                message.previous_id = []
                message.user_comments = [text for text in message.user_comments if not text.startswith("|")]
                # What gettext guessed from a similar text is no translation.
                if message.id and message.fuzzy:
                    message.flags.discard("fuzzy")
                    message.string = ("", "") if message.pluralizable else ""
            path.write_bytes(_as_bytes(catalog, language))
            waiting = [message for message in catalog if message.id and not _is_translated(message)]
            say(f"{path.relative_to(BASE_DIR)}: {len(catalog)} texts, {len(waiting)} without a translation")
    return compile_all()


def compile_all() -> int:
    """Compile what is translated; give the exit code."""
    for language in LANGUAGES:
        for domain in DOMAINS:
            path = BASE_DIR / _place(language, domain)
            with path.with_suffix(".mo").open("wb") as file:
                write_mo(file, _read(path))
    return 0


def check() -> int:
    """Hold the files against the code; give the exit code."""
    problems = []
    try:
        with tempfile.TemporaryDirectory(prefix="supportops-texts-") as folder:
            found = extracted(Path(folder))
    except LookupError as error:
        complain(f"NOT COVERED: whether each text has its translation; {error}.")
        return 1 if os.environ.get("CI") == "true" else 0
    for (language, domain), now in found.items():
        path = BASE_DIR / _place(language, domain)
        kept = _read(path)
        problems += [f"{path}: not there: {_named(message)}" for message in _missing(now, kept)]
        problems += [f"{path}: no text any more: {_named(message)}" for message in _missing(kept, now)]
        problems += [f"{path}: {problem}" for problem in problems_of(kept)]
        with path.with_suffix(".mo").open("rb") as file:
            if _translations(read_mo(file)) != _translations(kept):
                problems.append(f"{path.with_suffix('.mo')} is not what {path.name} says")
    for problem in problems[:100]:
        complain(problem)
    if problems:
        complain("`python -m supportops.running.translations update` brings the files up to date.")
    return 1 if problems else 0


def problems_of(catalog: Catalog) -> list[str]:
    """Return what is wrong with translations: missing ones, guessed ones, and others' placeholders."""
    problems = []
    for message in catalog:
        if not message.id:
            continue
        if message.fuzzy or not _is_translated(message):
            problems.append(f"not translated: {_named(message)}")
            continue
        for source, target in _pairs(message):
            has_values = "python-format" in message.flags or "python-brace-format" in message.flags
            if has_values and set(_PLACEHOLDER.findall(target)) != set(_PLACEHOLDER.findall(source)):
                problems.append(f"other values than in the text: {_named(message)}")
    return problems


def _forms(value: Any) -> list[str]:
    return [value or ""] if isinstance(value, str) or value is None else [form or "" for form in value]


def _pairs(message: Message) -> Iterator[tuple[str, str]]:
    """Yield text and translation; of a plural each form."""
    texts, translations = _forms(message.id), _forms(message.string)
    yield texts[-1], translations[-1]
    if len(texts) > 1 and set(_PLACEHOLDER.findall(texts[0])) == set(_PLACEHOLDER.findall(texts[1])):
        yield texts[0], translations[0]


def _is_translated(message: Message) -> bool:
    return all(_forms(message.string))


def _missing(one: Catalog, other: Catalog) -> list[Message]:
    known = {(str(message.id), message.context) for message in other}
    return [message for message in one if message.id and (str(message.id), message.context) not in known]


def _translations(catalog: Catalog) -> dict[Any, Any]:
    """Return the translations in a form that is the same for both kinds of files: of lists, tuples, bytes and texts."""
    found = {}
    for message in catalog:
        if message.id and _is_translated(message):
            given: Any = message.context
            context = given.decode() if isinstance(given, bytes) else given
            found[(*_forms(message.id), context)] = _forms(message.string)
    return found


def _named(message: Message) -> str:
    return repr(_forms(message.id)[0])[:120]


def _place(language: str, domain: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{domain}.po"


def _read(path: Path) -> Catalog:
    if not path.exists():
        return Catalog(locale=path.parts[-3])
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def _as_bytes(catalog: Catalog, language: str) -> bytes:
    content = io.BytesIO()
    write_po(content, catalog, width=0, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    header = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Language: {language}\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    )
    return header.encode() + content.getvalue()


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def main(arguments: list[str]) -> int:
    """Do what is asked for; give the exit code."""
    deeds = {"update": update, "check": check, "compile": compile_all}
    if len(arguments) != 1 or arguments[0] not in deeds:
        complain("Say one of: update, check, compile.")
        return 2
    return deeds[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
