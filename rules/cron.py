"""When a schedule comes next: cron's five fields in a time zone. Pure."""

import zoneinfo
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

SCHEDULE = "schedule"


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone by its name (Europe/Berlin). Raises ValueError that says what is wrong."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f"there is no time zone '{name[:63]}'; write one such as Europe/Berlin, or UTC") from None


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """Return the first time after `after` that fits, in UTC.

    Around changes of daylight saving time as Debian's cron does: a time that is skipped comes right after the gap, one
    that is there twice comes once. Raises ValueError for what is no schedule, or never comes.
    """
    here = zone_of(zone)
    if len(cron.split()) != 5:
        raise ValueError("a schedule has five fields: minute, hour, day, month, weekday (0 9 * * 1-5)")
    try:
        found = next(CronSim(cron, after.astimezone(here)))
    except CronSimError as error:
        raise ValueError(f"'{cron[:60]}' is no schedule: {str(error).lower()}") from None
    except StopIteration:
        raise ValueError(f"'{cron[:60]}' never comes") from None
    return found.astimezone(UTC)
