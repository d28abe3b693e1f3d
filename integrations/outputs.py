"""What handlers return, as JSON that can be stored and shown: code of others returns anything."""

import json
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from integrations.errors import CODE_OF_OTHERS_RAISES, told
from supportops import odd_json


def as_json(value: Any) -> Any:
    """Return `value` in JSON's types: times as text, bytes in base64, sets as lists, what nothing fits as its type's
    name, and integers beyond 64 bits as text. What cannot be read at all becomes ``{"not_kept": why}``.
    """
    try:
        plain = to_jsonable_python(value, bytes_mode="base64", inf_nan_mode="null", fallback=_named)
        try:
            odd_json.dumps(plain)
        except TypeError:
            plain = odd_json.loads(json.dumps(plain))
        return plain
    except RecursionError:
        return {"not_kept": "The answer is nested too deeply."}
    except (PydanticSerializationError, *CODE_OF_OTHERS_RAISES) as error:
        return {"not_kept": f"The answer cannot be stored as JSON: {told(error)}"}


def _named(value: Any) -> str:
    return f"<{type(value).__name__}>"
