"""The API's addresses for rules and runs, relative to /api/."""

from rules.api import RuleViewSet, UnsavedBacktestView, UnsavedTrialView
from rules.api_calendars import CalendarViewSet
from rules.api_env import VariableImportView
from rules.api_exchange import RuleExportView, RuleImportView
from rules.api_recipients import RecipientListViewSet
from rules.api_runs import RunViewSet
from rules.api_tables import LookupTableViewSet, TableRowsViewSet
from rules.api_templates import TemplatesView, TemplateView
from rules.api_variables import VariableViewSet
from supportops.api.routers import Router, address

router = Router()
router.register("rules", RuleViewSet, basename="rule")
router.register("runs", RunViewSet, basename="run")
router.register("calendars", CalendarViewSet, basename="calendar")
router.register("recipients", RecipientListViewSet, basename="recipients")
router.register("lookup-tables", LookupTableViewSet, basename="lookup-table")
router.register("variables", VariableViewSet, basename="variable")

urlpatterns = [
    address("rules/test", UnsavedTrialView.as_view(), "rule-test-unsaved"),
    address("rules/backtest", UnsavedBacktestView.as_view(), "rule-backtest-unsaved"),
    address("rules/export", RuleExportView.as_view(), "rule-export"),
    address("rules/import", RuleImportView.as_view(), "rule-import"),
    address("variables/import", VariableImportView.as_view(), "variable-import"),
    address("rules/templates", TemplatesView.as_view(), "rule-templates"),
    address("rules/templates/<key>", TemplateView.as_view(), "rule-template"),
    address(
        "lookup-tables/<pk>/rows", TableRowsViewSet.as_view({"get": "retrieve", "put": "update"}), "lookup-table-rows"
    ),
    *router.urls,
]
