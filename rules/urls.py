"""Pages for people outside of the admin."""

from django.urls import path

from rules.approval_page import ApprovalLinkView

urlpatterns = [path("approvals/<str:key>/", ApprovalLinkView.as_view(), name="approval-link")]
