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
    # for load balancers and monitoring
    "ANY /healthz/": "public",
    "ANY /readyz/": "public",
    "ANY /metrics/": "public",
    "GET /api/health/": "read",
    "GET /api/stats/": "read",
    # to the admin, which asks who it is
    "ANY /": "public",
    # people
    "ANY /admin/search/": "public",
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
    # webhooks in: the platform's signature guards them
    "ANY /api/webhooks/{platform}/": "public",
    "ANY /api/webhooks/{platform}/{endpoint}/": "public",
    # integrations
    "GET /api/platforms/": "read",
    "GET /api/platforms/{key}/": "read",
    "POST /api/integrations/test/": "write",
    "GET /api/integrations/": "read",
    "POST /api/integrations/": "write",
    "GET /api/integrations/{pk}/": "read",
    "PATCH /api/integrations/{pk}/": "write",
    "DELETE /api/integrations/{pk}/": "write",
    "GET /api/integrations/{pk}/choices/{kind}/": "read",
    "POST /api/integrations/{pk}/execute/": "execute",
    "GET /api/integrations/{pk}/health/": "read",
    "POST /api/integrations/{pk}/oauth/start/": "write",
    # guarded by a one-time state, and by the session of the person who comes back
    "GET /api/oauth/callback/": "public",
    "POST /api/integrations/{pk}/rotate-secret/": "write",
    "GET /api/integrations/{pk}/stats/": "read",
    "POST /api/integrations/{pk}/test/": "execute",
    # what an organization keeps besides
    "GET /api/files/": "read",
    "POST /api/files/": "write",
    "GET /api/files/{pk}/": "read",
    "DELETE /api/files/{pk}/": "write",
    "GET /api/files/{pk}/content/": "read",
    "GET /api/variables/": "read",
    "POST /api/variables/": "write",
    "GET /api/variables/{pk}/": "read",
    "PATCH /api/variables/{pk}/": "write",
    "DELETE /api/variables/{pk}/": "write",
    # rules and what came of them
    "POST /api/rules/test/": "execute",
    "GET /api/rules/export/": "read",
    "POST /api/rules/import/": "write",
    "GET /api/rules/": "read",
    "POST /api/rules/": "write",
    "GET /api/rules/{pk}/": "read",
    "PUT /api/rules/{pk}/": "write",
    "PATCH /api/rules/{pk}/": "write",
    "DELETE /api/rules/{pk}/": "write",
    "POST /api/rules/{pk}/disable/": "write",
    "POST /api/rules/{pk}/enable/": "write",
    "POST /api/rules/{pk}/execute/": "execute",
    "POST /api/rules/{pk}/rollback/": "write",
    "POST /api/rules/{pk}/test/": "execute",
    "GET /api/rules/{pk}/versions/": "read",
    "GET /api/runs/": "read",
    "GET /api/runs/{pk}/": "read",
    "POST /api/runs/{pk}/cancel/": "execute",
    "POST /api/runs/{pk}/retry/": "execute",
    "POST /api/runs/{pk}/steps/{step}/resolve/": "execute",
    "GET /api/deliveries/": "read",
    "GET /api/deliveries/{pk}/": "read",
    "POST /api/deliveries/{pk}/replay/": "execute",
    "GET /api/dead-letters/": "read",
    "POST /api/dead-letters/retry/": "execute",
}

# Model → what view, add, change and delete need; None: nobody, here.
ADMIN_PAGES: dict[str, tuple[str | None, str | None, str | None, str | None]] = {
    "tenancy.Membership": ("admin", "admin", "admin", "admin"),
    "tenancy.Environment": ("read", "admin", "admin", "admin"),
    "people.ApiToken": ("admin", "admin", "admin", "admin"),
    "rules.Variable": ("read", "write", "write", "write"),
    "audit.AuditEntry": ("read", None, None, None),
    "integrations.Integration": ("read", "write", "write", "write"),
    "integrations.StoredFile": ("read", "write", None, "write"),
    "rules.Rule": ("read", "write", "write", "write"),
    "rules.Run": ("read", None, None, None),
    "webhooks.Delivery": ("read", None, None, None),
}
