"""Signed requests, good and bad, and what is to be decided of each: of all platforms, and of each in its folder.

A vector: `id`, `scheme` (the name of a Signature), `why`, `secret`, `headers`, `body`, `valid`; where it matters `url`
(as registered at the sender), `now` (seconds), `options` (of the endpoint).
"""

import json
from pathlib import Path
from typing import Any

from integrations import registry

HERE = Path(__file__).parent
FILES = [HERE / "signature_vectors.json", *sorted(HERE.glob("*/signature_vectors.json"))]
VECTORS: list[dict[str, Any]] = [vector for file in FILES for vector in json.loads(file.read_text("utf-8"))]


def places() -> dict[str, tuple[str, str]]:
    """Return for each scheme the platform at whose address it is tried, and the scheme's name there."""
    found = {
        name: (connector.key, name)
        for connector in registry.all_connectors()
        for name in connector.scheme_names()
        # Several platforms send by Standard Webhooks; what it decides is the same at all of them.
        if name != "standard_webhooks"
    }
    # Freshdesk's `hmac` is Standard Webhooks under the name that its own documentation would use.
    found.pop("hmac", None)
    return found | {"standard_webhooks": ("webhook", "standard_webhooks")}
