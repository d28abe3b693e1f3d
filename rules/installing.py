"""Makes rules of a template, for the organization in scope. Each is a rule like any other from then on."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from rules import authoring, gallery
from rules.gallery import Template
from rules.models import Rule
from rules.problems import Problem, Refused
from supportops.tenancy.models import Environment


def install(
    template: Template, given: Mapping[str, Any], *, name: str = "", is_enabled: bool = False, author: str = ""
) -> list[tuple[Rule, list[str]]]:
    """Create the rules of a template with parameters, and return them with their warnings: all of them or none.

    Raises Refused: at `parameters.<name>`, at `name`, or at `rules.<place>` for what the rules themselves lack.
    """
    values = gallery.checked(template, given, environment_names())
    created = []
    with transaction.atomic():
        for place, document in enumerate(gallery.documents(template, values, name)):
            try:
                created.append(authoring.create({**document, "enabled": is_enabled}, author=author))
            except Refused as refused:
                raise Refused([_placed(problem, place) for problem in refused.problems]) from None
    return created


def environment_names() -> list[str]:
    """Return the names of the organization's environments."""
    return list(Environment.objects.values_list("name", flat=True))


def _placed(problem: Problem, place: int) -> Problem:
    if problem.attr == "name":
        return problem
    return Problem(f"rules.{place}.{problem.attr}", problem.code, problem.detail)
