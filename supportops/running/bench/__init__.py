"""`run.py bench`: receipt, execution and matching in figures, with ratios to baselines of the same run; `run.py bench
pages`: the admin's pages over a long history."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from supportops.running.console import complain, say
from supportops.running.processes import ProcessError


def bench(arguments: list[str]) -> int:
    """Measure both shapes and matching, print a report, and give the exit code."""
    from supportops.running.bench import matching, shapes
    from supportops.running.trial import TrialError

    parser = argparse.ArgumentParser(prog="run.py bench")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each load lasts (default 6)")
    parser.add_argument("--only", choices=("embedded", "full", "matching"), help="measure this part alone")
    parser.add_argument("part", nargs="?", choices=("pages",), help="pages: the admin over a long history, alone")
    parser.add_argument("--rows", type=int, default=1_000_000, help="pages: how many deliveries (default 1000000)")
    parser.add_argument("--sqlite", action="store_true", help="pages: on SQLite instead of PostgreSQL")
    parser.add_argument("--repeats", type=int, default=20, help="pages: requests for each page (default 20)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    wanted = parser.parse_args(arguments)
    report: dict[str, Any] = {}
    if wanted.part == "pages":
        from supportops.running.bench import pages

        try:
            report["pages"] = pages.measure(wanted.rows, on_sqlite=wanted.sqlite, repeats=wanted.repeats)
        except (LookupError, ProcessError) as error:
            complain(str(error))
            return 1
        return _finish(wanted.json, report)
    if wanted.only in (None, "matching"):
        report["matching"] = [matching.measure(rules) for rules in (10, 100, 1000)]
        _print_matching(report["matching"])
    for name in ("embedded", "full"):
        if wanted.only in (None, name):
            try:
                figures = shapes.measure(is_full=name == "full", seconds=wanted.seconds)
            except TrialError as error:
                complain(str(error))
                return 1
            report[name] = asdict(figures)
            _print_shape(figures)
    return _finish(wanted.json, report)


def _finish(path: Path | None, report: dict[str, Any]) -> int:
    if path is not None:
        path.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _print_matching(rows: list[dict[str, Any]]) -> None:
    say("Matching, events per second on one core")
    say("   rules        index   plain evaluation    ratio")
    for row in rows:
        index, plain = row["index_events_per_second"], row["plain_events_per_second"]
        say(f"  {row['rules']:>6} {index:>12,.0f} {plain:>18,.1f} {index / plain:>8.1f}")
    say()


def _print_shape(figures: Any) -> None:
    say(f"{figures.shape}: signed webhooks of 1.2 KB, each becoming one call; generator and sink on the same cores")
    say("  connections   accepted/s   p50 ms   p99 ms   actions/s end to end   baseline/s   accepted to baseline")
    for connections, result in figures.receipt.items():
        base = figures.baseline[connections].per_second
        say(
            f"  {connections:>11} {result.per_second:>12,.0f} {result.p50:>8} {result.p99:>8}"
            f" {figures.actions_per_second[connections]:>22,.0f} {base:>12,.0f} {result.per_second / base:>22.2f}"
        )
        others = {status: count for status, count in result.statuses.items() if status != "202"}
        if others or result.broken:
            say(f"              also answered: {others}, connections broken: {result.broken}")
    say(
        f"  effects lost {figures.lost}, doubled {figures.doubled}; web and workers {figures.memory_mib:,.0f} MiB (PSS)"
    )
    say("  (baseline: the same web server checking the signature and inserting one row, nothing else)")
    say()
