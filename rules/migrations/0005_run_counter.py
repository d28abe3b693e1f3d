"""The order of planning on SQLite: a counter in a table of one row, beyond every number given so far."""

from django.db import migrations


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("CREATE TABLE rules_run_sequence (last INTEGER NOT NULL)")
        schema_editor.execute("INSERT INTO rules_run_sequence SELECT coalesce(max(sequence), 0) FROM rules_run")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE rules_run_sequence")


class Migration(migrations.Migration):
    dependencies = [("rules", "0004_attempts_before")]
    operations = [migrations.RunPython(make, drop)]
