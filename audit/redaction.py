"""Takes secrets out of what entries tell. The masking itself lies beneath everything (supportops/redaction.py)."""

from supportops.redaction import MASK, NOTHING, SHORTEST, Redactor, current, names_secret, redacting

__all__ = ["MASK", "NOTHING", "SHORTEST", "Redactor", "current", "names_secret", "redacting"]
