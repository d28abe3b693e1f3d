"""Which encoding a place in an action's parameters has, read off the action's model."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.fields import FieldInfo

from integrations.specs import Encode


@dataclass(frozen=True)
class Place:
    """One place in parameters. `encode` holds for all below it that says nothing else."""

    encode: str | None = None
    models: tuple[type[BaseModel], ...] = ()
    items: "Place | None" = None

    def inside(self, key: object) -> "Place":
        """Return the place of a field of an object or an item of a list."""
        if isinstance(key, str):
            for model in self.models:
                if key in (fields := _fields_of(model)):
                    found = fields[key]
                    return found if found.encode or not self.encode else Place(self.encode, found.models, found.items)
        if self.items is not None:
            return self.items
        # Models are kept: in a list of them an item has the fields that were asked for.
        return Place(self.encode, self.models if isinstance(key, int) else ())


def place_of_model(model: type[BaseModel] | None) -> Place:
    """Return the place that an action's parameters as a whole are."""
    return Place(models=(model,)) if model is not None else Place()


@lru_cache(maxsize=1024)
def _fields_of(model: type[BaseModel]) -> Mapping[str, Place]:
    found: dict[str, Place] = {}
    for name, info in model.model_fields.items():
        place = _place(info.annotation, tuple(info.metadata), None)
        for known_as in names_of(name, info):
            found.setdefault(known_as, place)
    return found


def names_of(name: str, info: FieldInfo) -> list[str]:
    """Return every name under which a field may be given."""
    names = [name]
    aliases = (
        info.validation_alias.choices if isinstance(info.validation_alias, AliasChoices) else [info.validation_alias]
    )
    for alias in (*aliases, info.alias):
        if isinstance(alias, AliasPath):
            alias = alias.path[0]
        if isinstance(alias, str) and alias not in names:
            names.append(alias)
    return names


def _place(annotation: Any, metadata: tuple[Any, ...], inherited: str | None) -> Place:
    encode = next((mark.as_ for mark in metadata if isinstance(mark, Encode)), inherited)
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        return _place(inner, tuple(marks), encode)
    if origin in (Union, types.UnionType):
        return _merged([_place(part, (), encode) for part in get_args(annotation)], encode)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and origin is None:
        return Place(encode, (annotation,))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Place(encode, items=_place(get_args(annotation)[-1], (), encode))
    if (isinstance(origin, type) and origin in (list, tuple, set, frozenset)) or _is_abstract_list(origin):
        parts = [part for part in get_args(annotation) if part is not Ellipsis]
        return Place(encode, items=_merged([_place(part, (), encode) for part in parts], encode))
    return Place(encode)


def _is_abstract_list(origin: Any) -> bool:
    return getattr(origin, "__module__", "") == "collections.abc" and not issubclass(origin, Mapping)


def _merged(places: list[Place], inherited: str | None) -> Place:
    """Return what is true of a value that may stand in any of these places: the stricter encoding wins."""
    encode = next((place.encode for place in places if place.encode and place.encode != "plain"), inherited)
    models = tuple(model for place in places for model in place.models)
    items = [place.items for place in places if place.items is not None]
    return Place(encode, models, _merged(items, encode) if items else None)
