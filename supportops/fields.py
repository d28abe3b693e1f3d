"""Model fields of our own, used by several apps."""

from typing import Any

import orjson
from django.db import models

from supportops import odd_json


class JsonBytesField(models.BinaryField):  # type: ignore[type-arg]
    """Any JSON value, stored as UTF-8 bytes.

    Keeps the order of keys and every character as they came: jsonb sorts keys and refuses ``\\u0000``. For
    content that is stored and shown whole; nothing filters on it.
    """

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else orjson.loads(bytes(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, (bytes, memoryview)):
            value = odd_json.dumps(value)
        return super().get_db_prep_value(value, connection, prepared)

    def get_default(self) -> Any:
        return models.Field.get_default(self)

    def value_to_string(self, obj: Any) -> str:
        return odd_json.dumps(self.value_from_object(obj)).decode()

    def to_python(self, value: Any) -> Any:
        return value
