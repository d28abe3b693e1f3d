"""Which rules were on at each of an organization's sets of rules. Of rules that are here already, from now on."""

import django.db.models.deletion
from django.db import migrations, models

import supportops.ids
import supportops.tenancy.owned


def note_present_states(apps, schema_editor):
    RuleState = apps.get_model("rules", "RuleState")
    RuleVersion = apps.get_model("rules", "RuleVersion")
    live = RuleVersion.objects.filter(number=models.F("rule__version")).values_list(
        "id", "rule_id", "organization_id", "rule__is_enabled", "organization__rules_version"
    )
    RuleState.objects.bulk_create(
        (
            RuleState(
                rule_id=rule_id,
                organization_id=organization_id,
                rules_version=rules_version,
                version_id=version_id if is_enabled else None,
            )
            for version_id, rule_id, organization_id, is_enabled, rules_version in live.iterator()
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("rules", "0007_variables"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="RuleState",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=supportops.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("rules_version", models.BigIntegerField()),
                (
                    "organization",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
                (
                    "rule",
                    supportops.tenancy.owned.LinkWithin(
                        on_delete=django.db.models.deletion.CASCADE, related_name="states", to="rules.rule"
                    ),
                ),
                (
                    "version",
                    supportops.tenancy.owned.LinkWithin(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="rules.ruleversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-rules_version"],
                "constraints": [
                    models.UniqueConstraint(fields=("rule", "rules_version"), name="one_state_per_set_of_rules")
                ],
            },
        ),
        migrations.RunPython(note_present_states, migrations.RunPython.noop),
    ]
