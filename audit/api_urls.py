"""Addresses of the audit log, relative to /api/."""

from audit import api
from supportops.api.routers import address

urlpatterns = [
    address("audit/logs", api.AuditLogViewSet.as_view({"get": "list"}), "audit-logs"),
    address("audit/verify", api.VerifyView.as_view(), "audit-verify"),
    address("audit/export", api.ExportView.as_view(), "audit-export"),
]
