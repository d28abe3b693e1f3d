"""All settings, in sections. The only module that reads the environment.

Values come from the real environment first, then from ``<data>/runtime.env``, which ``run.py`` writes
(keys it made, addresses of servers it started), so that ``manage.py`` finds what the running system uses.
``.env.example`` and ``docs/settings.md`` name each setting.
"""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- where everything that is kept lies ---------------------------------------------------------------------
DATA_DIR = Path(env.str("SUPPORTOPS_DATA", default=str(BASE_DIR / "var"))).expanduser().resolve()
if (DATA_DIR / "runtime.env").is_file():
    env.read_env(str(DATA_DIR / "runtime.env"), overwrite=False)

# --- mode ---------------------------------------------------------------------------------------------------
# embedded: one process, SQLite, in-memory broker. production: PostgreSQL, Redis or Valkey, many processes.
MODE = env.str("SUPPORTOPS_MODE", default="embedded")
if MODE not in ("embedded", "production"):
    raise ImproperlyConfigured(f"SUPPORTOPS_MODE is '{MODE}'; it must be 'embedded' or 'production'.")
DEBUG = env.bool("SUPPORTOPS_DEBUG", default=False)
SECRET_KEY = env.str("SUPPORTOPS_SECRET_KEY", default="")
# Newest first: `<name>:<base64 of 32 bytes>`, separated by commas.
MASTER_KEYS: list[str] = env.list("SUPPORTOPS_MASTER_KEYS", default=[])
ALLOWED_HOSTS: list[str] = env.list("SUPPORTOPS_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PUBLIC_URL = env.str("SUPPORTOPS_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")

if MODE == "production":
    if DEBUG:
        raise ImproperlyConfigured("SUPPORTOPS_DEBUG must be off in production: it shows settings to strangers.")
    if "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("SUPPORTOPS_ALLOWED_HOSTS=* accepts forged Host headers: name your hosts.")
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured(
        "SUPPORTOPS_SECRET_KEY is missing or shorter than 32 characters. "
        "`python3 run.py` makes one for you; elsewhere set it to a long random text."
    )
if not MASTER_KEYS:
    raise ImproperlyConfigured(
        "SUPPORTOPS_MASTER_KEYS is missing: stored credentials cannot be sealed without a master key. "
        "`python3 run.py` makes one; elsewhere set `<name>:<base64 of 32 random bytes>`, newest first."
    )

# --- applications -------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "axes",
    "django_otp",
    "supportops.vault",
    "supportops.tenancy",
    "audit",
    "supportops.people",
    "supportops.jobs",
    "supportops.api",
    "integrations",
    "rules",
    "webhooks",
    "supportops.status",
    "supportops.running",
]
AUTH_USER_MODEL = "people.User"
ROOT_URLCONF = "supportops.urls"
WSGI_APPLICATION = "supportops.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIDDLEWARE = [
    "supportops.api.middleware.RequestIdMiddleware",
    "supportops.status.middleware.ProbesFirst",
    "supportops.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "supportops.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "supportops.tenancy.middleware.OrganizationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "supportops.people.middleware.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
# The API and webhook addresses are right with and without their closing slash; nothing is redirected.
APPEND_SLASH = False
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "supportops" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "supportops.sidebar.installation_warnings",
                "supportops.sidebar.switcher",
            ]
        },
    }
]

# --- web server ---------------------------------------------------------------------------------------------
# Threads of one web process, and how many of them pages and API calls must leave to receipts.
WEB_PROCESSES = env.int("SUPPORTOPS_WEB_PROCESSES", default=1 if MODE == "embedded" else 2)
WEB_THREADS = env.int("SUPPORTOPS_WEB_THREADS", default=24 if MODE == "embedded" else 16)
WEB_THREADS_FOR_RECEIPTS = env.int("SUPPORTOPS_WEB_THREADS_FOR_RECEIPTS", default=max(1, WEB_THREADS // 4))

# --- database -----------------------------------------------------------------------------------------------
DATABASE_URL = env.str("SUPPORTOPS_DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'supportops.sqlite3'}")
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Each thread keeps its connection: closing the last one writes the whole log back, for every single request.
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["ENGINE"] = "supportops.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        # With SQLite's default mode concurrent writers fail with "database is locked"; IMMEDIATE makes them wait.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA busy_timeout=20000; PRAGMA cache_size=-32000;"
        ),
    }
else:
    DATABASES["default"]["ENGINE"] = "supportops.postgres"
    DATABASES["default"]["OPTIONS"] = {
        # A short timeout: when PostgreSQL is gone, a request shall answer 503 rather than hang.
        "pool": {
            "min_size": env.int("SUPPORTOPS_DATABASE_POOL_MIN", default=1),
            "max_size": env.int("SUPPORTOPS_DATABASE_POOL", default=WEB_THREADS + 2),
            "timeout": 3,
        },
        "connect_timeout": 3,
    }
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- tasks --------------------------------------------------------------------------------------------------
# The broker only wakes somebody; it may be emptied at any time. memory:// is the embedded default.
BROKER_URL = env.str("SUPPORTOPS_BROKER_URL", default="memory://")
# Shared token buckets. Empty: buckets live in the process (embedded).
REDIS_URL = env.str("SUPPORTOPS_REDIS_URL", default="")
SWEEP_SECONDS = env.float("SUPPORTOPS_SWEEP_SECONDS", default=0.5 if MODE == "embedded" else 2.0)
# Tasks that run every so often: name → (queue, seconds).
SCHEDULE: dict[str, tuple[str, float]] = {
    "webhooks.tasks.sweep": ("maintenance", SWEEP_SECONDS),
    # Looks for scripts to run; in the embedded default it runs them, in a thread of its own.
    "rules.tasks.perform_scripts": ("scripts", 1.0),
    "webhooks.tasks.attend": ("maintenance", 10.0),
    # Asks whether something is due; what is due says the database (webhooks/chores.py).
    "webhooks.tasks.forget": ("maintenance", 60.0),
}
# Processes that perform work in the production shape (threads of the one process in the embedded default).
WORKER_PROCESSES = env.int("SUPPORTOPS_WORKER_PROCESSES", default=2)
# Calls that one worker process may have in flight.
WORKER_SLOTS = env.int("SUPPORTOPS_WORKER_SLOTS", default=64)
# How often one rule may fire for one object within an hour before it counts as answering itself. 0: no such bound.
RULE_FIRINGS_PER_HOUR = env.int("SUPPORTOPS_RULE_FIRINGS_PER_HOUR", default=100)
# How many runs of a rule may wait for their turn behind one key.
QUEUE_DEPTH = env.int("SUPPORTOPS_QUEUE_DEPTH", default=1000)

# --- people and sign-in -------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# What people are told, how long to wait, stays true: trying in the meantime does not make it longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "supportops.people.sign_in_views.locked_out"
AXES_SENSITIVE_PARAMETERS = ["code"]
AXES_USERNAME_CALLABLE = "supportops.people.sign_in.attempted_email"
AXES_CLIENT_IP_CALLABLE = "supportops.addresses.client_ip"
# How long an invitation may be accepted.
INVITATION_DAYS = env.int("SUPPORTOPS_INVITATION_DAYS", default=7)
# How long the address works, in seconds, at which somebody chooses a new password.
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "/admin/login/"
# Whoever signs in without having been sent there by a page.
LOGIN_REDIRECT_URL = "admin:index"
# Whether people may make themselves a demo organization, whose platforms are played.
DEMO = env.bool("SUPPORTOPS_DEMO", default=MODE == "embedded")
SECURE_COOKIES = PUBLIC_URL.startswith("https://")
SESSION_ENGINE = "supportops.people.session_store"
SESSION_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE_COOKIES
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.bool("SUPPORTOPS_BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- the admin's looks --------------------------------------------------------------------------------------
# A word beside each title, so that nobody takes a trial installation for the real one.
INSTALLATION_LABEL = env.str("SUPPORTOPS_INSTALLATION_LABEL", default="")
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "SupportOps",
    "SITE_HEADER": "SupportOps",
    "SITE_SUBHEADER": "supportops.sidebar.organization_name",
    "SITE_SYMBOL": "bolt",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/supportops/favicon.svg"}],
    "STYLES": ["/static/supportops/admin.css", "/static/supportops/account.css"],
    "SCRIPTS": ["supportops.languages.texts_address", "/static/supportops/account.js"],
    "SHOW_LANGUAGES": True,
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "supportops.sidebar.installation_label",
    "DASHBOARD_CALLBACK": "supportops.status.dashboard.context_of",
    "ACCOUNT": {"navigation": "supportops.sidebar.account_links"},
    "SIDEBAR": {"show_search": False, "command_search": False, "navigation": "supportops.sidebar.navigation"},
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254)",
            "100": "oklch(93% .032 256)",
            "200": "oklch(88% .059 254)",
            "300": "oklch(81% .105 252)",
            "400": "oklch(71% .165 255)",
            "500": "oklch(62% .214 260)",
            "600": "oklch(54.6% .215 263)",
            "700": "oklch(48.8% .213 264)",
            "800": "oklch(42.4% .19 266)",
            "900": "oklch(37.9% .146 266)",
            "950": "oklch(28.2% .091 268)",
        }
    },
}

# --- API ----------------------------------------------------------------------------------------------------
API_REQUESTS_PER_MINUTE = env.int("SUPPORTOPS_API_REQUESTS_PER_MINUTE", default=600)
API_ORGANIZATION_REQUESTS_PER_MINUTE = env.int("SUPPORTOPS_API_ORGANIZATION_REQUESTS_PER_MINUTE", default=3000)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "supportops.people.authentication.TokenAuthentication",
        "supportops.people.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["supportops.api.permissions.HasPermission"],
    "DEFAULT_RENDERER_CLASSES": ["supportops.api.json.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["supportops.api.json.JsonParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "supportops.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "supportops.api.schema.Schema",
    "EXCEPTION_HANDLER": "supportops.api.errors.handle",
    "DEFAULT_THROTTLE_CLASSES": [
        "supportops.api.throttling.PerToken",
        "supportops.api.throttling.PerOrganization",
    ],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "SupportOps",
    "DESCRIPTION": "Rules that turn what happens on one platform into work on another.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/",
    "ENUM_NAME_OVERRIDES": {"MemberStatus": "supportops.people.api_members.STATES"},
}
METRICS_TOKEN = env.str("SUPPORTOPS_METRICS_TOKEN", default="")
METRICS_ALLOW: list[str] = env.list("SUPPORTOPS_METRICS_ALLOW", default=["127.0.0.1", "::1"])

# --- webhooks in --------------------------------------------------------------------------------------------
MAX_WEBHOOK_BYTES = env.int("SUPPORTOPS_MAX_WEBHOOK_BYTES", default=1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
# How many proxies stand in front and append to X-Forwarded-For (for allowed_ips, audit and throttling).
TRUSTED_PROXIES = env.int("SUPPORTOPS_TRUSTED_PROXIES", default=0)

# --- the way out --------------------------------------------------------------------------------------------
OUTBOUND_ALLOW: list[str] = env.list("SUPPORTOPS_OUTBOUND_ALLOW", default=[])
# In web processes and workers no code at all connects to addresses that are not public, but those of OUTBOUND_ALLOW.
SECOND_WALL = env.bool("SUPPORTOPS_SECOND_WALL", default=True)
PLATFORM_URLS: dict[str, str] = env.json("SUPPORTOPS_PLATFORM_URLS", default={})
# Our OAuth clients at platforms: {"zendesk": {"client_id": "...", "client_secret": "..."}}.
OAUTH_CLIENTS: dict[str, dict[str, str]] = env.json("SUPPORTOPS_OAUTH_CLIENTS", default={})
if not all(isinstance(c, dict) and c.get("client_id") and c.get("client_secret") for c in OAUTH_CLIENTS.values()):
    raise ImproperlyConfigured(
        'SUPPORTOPS_OAUTH_CLIENTS: each platform needs an object such as {"client_id": "...", "client_secret": "..."}.'
    )
PLATFORM_LIMITS: dict[str, Any] = env.json("SUPPORTOPS_PLATFORM_LIMITS", default={})
CONNECTOR_PACKAGES: list[str] = env.list("SUPPORTOPS_CONNECTOR_PACKAGES", default=[])
CONNECTOR_OVERRIDE: list[str] = env.list("SUPPORTOPS_CONNECTOR_OVERRIDE", default=[])
INTEGRATION_DEBUG = env.bool("SUPPORTOPS_INTEGRATION_DEBUG", default=False)

# --- scripts of organizations --------------------------------------------------------------------------------
# off: none run. sandbox: in bubblewrap, for organizations with a grant. host: without a sandbox, on a machine whose
# owner alone uses it.
SCRIPTS = env.str("SUPPORTOPS_SCRIPTS", default="off")
if SCRIPTS not in ("off", "sandbox", "host"):
    raise ImproperlyConfigured(f"SUPPORTOPS_SCRIPTS is '{SCRIPTS}'; it must be 'off', 'sandbox' or 'host'.")
# What may run them: `<name>=<absolute path>`. Rules name them; a grant may name fewer.
_interpreters: list[str] = env.list(
    "SUPPORTOPS_SCRIPT_INTERPRETERS", default=["bash=/bin/bash", "sh=/bin/sh", "python3=/usr/bin/python3"]
)
SCRIPT_INTERPRETERS: dict[str, str] = {entry.partition("=")[0]: entry.partition("=")[2] for entry in _interpreters}
if not all(name and path.startswith("/") for name, path in SCRIPT_INTERPRETERS.items()):
    raise ImproperlyConfigured(
        "SUPPORTOPS_SCRIPT_INTERPRETERS: each entry is a name and an absolute path, such as python3=/usr/bin/python3."
    )
# Private memory of one process of a script, and how many scripts one worker runs at once.
SCRIPT_MEMORY_MB = env.int("SUPPORTOPS_SCRIPT_MEMORY_MB", default=512)
SCRIPT_SLOTS = env.int("SUPPORTOPS_SCRIPT_SLOTS", default=4)

# --- how long things are kept (days) ------------------------------------------------------------------------
CONTENT_DAYS = env.int("SUPPORTOPS_CONTENT_DAYS", default=30)
RUN_DAYS = env.int("SUPPORTOPS_RUN_DAYS", default=90)
AUDIT_DAYS = env.int("SUPPORTOPS_AUDIT_DAYS", default=400)
DELIVERY_KEY_DAYS = env.int("SUPPORTOPS_DELIVERY_KEY_DAYS", default=400)

# --- language, time, static files ---------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "supportops" / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 86400
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SECURE_COOKIES
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = env.str("SUPPORTOPS_STATIC_ROOT", default=str(DATA_DIR / "static"))
STATICFILES_DIRS = [path for path in [BASE_DIR / "supportops" / "static"] if path.is_dir()]
WHITENOISE_USE_FINDERS = True

# --- logs ---------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("SUPPORTOPS_LOG_LEVEL", default="INFO")
LOG_DIR = DATA_DIR / "logs"
LOGGING_CONFIG = "supportops.logs.configure"
LOGGING: dict[str, Any] = {
    "level": LOG_LEVEL,
    "directory": str(LOG_DIR),
    # A file that has grown so far is turned over; so many older ones are kept. 0 files: only the console.
    "megabytes": env.float("SUPPORTOPS_LOG_MEGABYTES", default=20),
    "files": env.int("SUPPORTOPS_LOG_FILES", default=5),
    "integration_debug": INTEGRATION_DEBUG,
}

# --- mail ---------------------------------------------------------------------------------------------------
EMAIL_CONFIG = env.email_url("SUPPORTOPS_EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("SUPPORTOPS_EMAIL_FROM", default="SupportOps <supportops@localhost>")
