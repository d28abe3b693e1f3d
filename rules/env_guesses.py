"""Pure: what a variable of a `.env` file probably is: a secret, for which hosts, of which environment.

Guesses only, for a person to correct: nothing is taken in without somebody having seen them.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from urllib.parse import SplitResult, urlsplit

from integrations.bindings import origin_of
from rules.env_file import EnvEntry

_SECRET_WORDS = frozenset(
    {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PWD", "DSN", "CREDENTIAL"}
    | {"CREDENTIALS", "AUTH", "AUTHORIZATION", "COOKIE", "JWT", "PRIVATE", "SIGNATURE", "PAT"}
)
# What stands beside a secret and is none: SECRET_NAME, TOKEN_TTL, KEY_ID.
_ABOUT = frozenset(
    {"ID", "NAME", "PATH", "FILE", "DIR", "URL", "URI", "HOST", "DOMAIN", "PORT", "TTL", "EXPIRY", "EXPIRES", "TIMEOUT"}
    | {"LENGTH", "SIZE", "ENABLED", "HEADER", "TYPE", "ALGORITHM", "ISSUER", "USER", "USERNAME", "EMAIL", "REGION"}
)
_PREFIXES = re.compile(
    r"xox[a-z]-|xapp-|sk-|(?:sk|rk)_(?:live|test)_|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|SG\.|eyJ[A-Za-z0-9_-]+\."
    r"|-----BEGIN |shp(?:at|ss|ca)_|whsec_|dop_v1_|npm_|pat-|secret_|ntn_|Bearer |Basic "
)
_SECRET_URL = re.compile(r"https://(hooks\.slack\.com/services/|discord(app)?\.com/api/webhooks/|[^/]*webhook\.office)")
_DENSE = re.compile(r"[A-Za-z0-9+/=_\-.~]{24,}")
_HOST_WORDS = ("URL", "URI", "BASE", "API", "ENDPOINT", "HOST", "DOMAIN", "SERVER", "SITE")

# Where well-known services take their credentials: by the first word of the name.
_WELL_KNOWN = {
    "AIRTABLE": ("api.airtable.com",),
    "ANTHROPIC": ("api.anthropic.com",),
    "ASANA": ("app.asana.com",),
    "CLOUDFLARE": ("api.cloudflare.com",),
    "DATADOG": ("api.datadoghq.com",),
    "DD": ("api.datadoghq.com",),
    "DIGITALOCEAN": ("api.digitalocean.com",),
    "DISCORD": ("discord.com",),
    "GITHUB": ("api.github.com",),
    "GITLAB": ("gitlab.com",),
    "HUBSPOT": ("api.hubapi.com",),
    "INTERCOM": ("api.intercom.io",),
    "LINEAR": ("api.linear.app",),
    "MAILGUN": ("api.mailgun.net",),
    "NOTION": ("api.notion.com",),
    "OPENAI": ("api.openai.com",),
    "OPSGENIE": ("api.opsgenie.com",),
    "PAGERDUTY": ("api.pagerduty.com", "events.pagerduty.com"),
    "POSTMARK": ("api.postmarkapp.com",),
    "SENDGRID": ("api.sendgrid.com",),
    "SENTRY": ("sentry.io",),
    "SLACK": ("slack.com",),
    "STRIPE": ("api.stripe.com",),
    "TELEGRAM": ("api.telegram.org",),
    "TRELLO": ("api.trello.com",),
    "TWILIO": ("api.twilio.com",),
}
_STAGES = ("DEV", "STAGING", "PROD")


def environment_of(name: str, environments: Collection[str]) -> tuple[str, str | None]:
    """Return the name without its suffix, and the environment that the suffix means: _DEV, _STAGING or _PROD, where the
    organization has one of that name. Any other suffix belongs to the name."""
    stem, _, suffix = name.rpartition("_")
    if stem.strip("_") and suffix.upper() in _STAGES and suffix.lower() in environments:
        return stem, suffix.lower()
    return name, None


def why_secret(name: str, value: str) -> str:
    """Return why a value is probably a secret; "" where it looks like none."""
    words = name.upper().split("_")
    found = next((word for word in words if word in _SECRET_WORDS), "")
    if found and words[-1] not in _ABOUT and "PUBLIC" not in words:
        return f"by its name ({found})"
    if not value:
        return ""
    parts = _parts(value)
    if parts is not None:
        has_sign_in = bool(parts.password) or _SECRET_URL.match(value) is not None
        return "its address holds a sign-in" if has_sign_in else ""
    if _PREFIXES.match(value):
        return "by the form of its value"
    if _DENSE.fullmatch(value) and _is_random(value):
        return "its value looks random"
    return ""


def hosts_for(entry: EnvEntry, entries: Sequence[EnvEntry]) -> tuple[str, ...]:
    """Return where a secret probably goes: to its own address, to that of its neighbours, to a well-known service."""
    if own := _host_of(entry.value):
        return (own,)
    neighbours = sorted(
        ((shared, -abs(other.line - entry.line), host) for other in entries if (host := _host_of(_address(other)))
         if (shared := _shared_words(entry.name, other.name))),
        reverse=True,
    )  # fmt: skip
    if neighbours:
        return (neighbours[0][2],)
    return _WELL_KNOWN.get(entry.name.upper().split("_")[0], ())


def _address(entry: EnvEntry) -> str:
    """Return the value of an entry as an address, where it is one or names a host."""
    if _parts(entry.value) is not None:
        return entry.value
    is_host = entry.name.upper().split("_")[-1] in ("HOST", "DOMAIN") and "." in entry.value
    return f"https://{entry.value}" if is_host else ""


def _shared_words(name: str, other: str) -> int:
    """Return how many words two names begin with in common; 0 too where the other is no address of the same thing."""
    ours, theirs = name.upper().split("_"), other.upper().split("_")
    count = 0
    for one, another in zip(ours, theirs, strict=False):
        if one != another:
            break
        count += 1
    rest = [word for word in theirs[count:] if word not in _HOST_WORDS and word not in _STAGES]
    return 0 if rest or name == other else count


def _host_of(value: str) -> str:
    """Return the binding of an address: a host, with its port or scheme where these are not the usual ones."""
    parts = _parts(value)
    if parts is None or not parts.hostname:
        return ""
    try:
        place = f"{parts.hostname}:{parts.port}" if parts.port and parts.port != 443 else parts.hostname
        binding = place if parts.scheme == "https" else f"{parts.scheme}://{place}"
        origin_of(binding)
    except ValueError:
        return ""
    return binding


def _parts(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return parts if parts.scheme and "://" in value and parts.netloc else None


def _is_random(value: str) -> bool:
    if re.fullmatch(r"[0-9a-fA-F]{32,}", value):
        return True
    kinds = sum(1 for pattern in ("[a-z]", "[A-Z]", "[0-9]") if re.search(pattern, value))
    counts = Counter(value).values()
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return kinds >= 2 and bool(re.search("[0-9]", value)) and entropy >= 3.5
