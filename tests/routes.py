"""Who may what: every address of the application and every page of the admin, with the permission it needs.

The one table of routes and roles. tests/supportops/test_routes_and_roles.py holds it against the URL configuration
and asks for every row as every role; a new address needs a row here.
"""

# "METHOD /path/" → read, execute, write, admin or own; public: for everybody, or guarded by other means (a platform's
# signature, a one-time address); session: for whoever is signed in.
ROUTES: dict[str, str] = {
    # the API's description of itself
    "GET /api/schema/": "public",
    "GET /api/docs/": "public",
    # people
    "GET /admin/organization/": "session",
    "POST /admin/organization/": "session",
    "GET /people/invitation/{uidb64}/{token}/": "public",
    "POST /people/invitation/{uidb64}/{token}/": "public",
    "PUT /people/invitation/{uidb64}/{token}/": "public",
    "GET /api/organization/": "read",
    "GET /api/tokens/": "admin",
    "POST /api/tokens/": "admin",
    "GET /api/tokens/{pk}/": "admin",
    "PUT /api/tokens/{pk}/": "admin",
    "PATCH /api/tokens/{pk}/": "admin",
    "DELETE /api/tokens/{pk}/": "admin",
    "GET /api/members/": "admin",
    "POST /api/members/": "admin",
    "GET /api/members/{pk}/": "admin",
    "PUT /api/members/{pk}/": "admin",
    "PATCH /api/members/{pk}/": "admin",
    "DELETE /api/members/{pk}/": "admin",
    "GET /api/environments/": "read",
    "POST /api/environments/": "admin",
    "GET /api/environments/{pk}/": "read",
    "PUT /api/environments/{pk}/": "admin",
    "PATCH /api/environments/{pk}/": "admin",
    "DELETE /api/environments/{pk}/": "admin",
    # long work
    "GET /api/jobs/": "read",
    "GET /api/jobs/{pk}/": "read",
    "POST /api/jobs/{pk}/cancel/": "execute",
    "POST /api/jobs/{pk}/resume/": "execute",
    # audit
    "GET /api/audit/logs/": "read",
    "GET /api/audit/verify/": "read",
    "GET /api/audit/export/": "read",
}

# Model → what view, add, change and delete need; None: nobody, here.
ADMIN_PAGES: dict[str, tuple[str | None, str | None, str | None, str | None]] = {
    "tenancy.Membership": ("admin", "admin", "admin", "admin"),
    "tenancy.Environment": ("read", "admin", "admin", "admin"),
    "people.ApiToken": ("admin", "admin", "admin", "admin"),
    "audit.AuditEntry": ("read", None, None, None),
}
