"""Settings are named wherever people look for them."""

import re

from supportops.running.arguments import BASE_DIR

SETTINGS = BASE_DIR / "supportops" / "settings.py"
# Read before there are settings.
READ_BY_RUN_PY: set[str] = set()


def names_read() -> set[str]:
    return set(re.findall(r'env\.\w+\(\s*"(SUPPORTOPS_\w+)"', SETTINGS.read_text())) | READ_BY_RUN_PY


def test_the_example_names_each_setting() -> None:
    example = re.findall(r"^#? ?(SUPPORTOPS_\w+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE)
    assert sorted(example) == sorted(names_read())


def test_the_table_names_each_setting() -> None:
    table = re.findall(r"^\| `(SUPPORTOPS_\w+)` \|", (BASE_DIR / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(names_read())


def test_only_settings_read_the_environment_of_the_product() -> None:
    readers = []
    for package in ("supportops", "integrations", "rules", "webhooks", "audit"):
        for path in (BASE_DIR / package).rglob("*.py"):
            inside = path.relative_to(BASE_DIR).as_posix()
            if inside == "supportops/settings.py" or inside.startswith("supportops/running/"):
                continue
            if re.search(r"os\.environ(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE\")|os\.getenv", path.read_text()):
                readers.append(inside)
    assert readers == []
