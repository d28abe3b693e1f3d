"""How the sandbox misbehaves on demand."""

import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["status", "hang", "cut", "cut_before", "error", "drip"]


@dataclass
class Fault:
    """What the next `times` requests meet, where `platform` and a part of the `path` fit.

    * status: `status` is answered (with `retry_after`) and nothing is done
    * error: the platform's own way of refusing with `code`; Slack says so with 200
    * hang: nothing is done and nothing answered for `seconds`
    * cut: it is done, and the connection is closed without an answer
    * cut_before: the connection is closed and nothing is done
    * drip: it is done, and the answer comes byte by byte over `seconds`
    """

    kind: Kind
    platform: str = ""
    path: str = ""
    method: str = ""
    times: int = 1
    status: int = 500
    retry_after: str = ""
    code: str = ""
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.kind not in ("status", "hang", "cut", "cut_before", "error", "drip"):
            raise ValueError(f"there is no fault '{self.kind}'")
        if not (isinstance(self.times, int) and 100 <= self.status <= 599 and 0 <= float(self.seconds) <= 3600):
            raise ValueError("times is a number, status between 100 and 599, seconds between 0 and 3600")
        self.retry_after = str(self.retry_after)


class Faults:
    """Those that are still to come, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, platform: str, method: str, path: str) -> Fault | None:
        """Return the fault that this request meets, used up by one."""
        with self._lock:
            for fault in self._waiting:
                fits = fault.platform in ("", platform) and fault.path in path and fault.method in ("", method)
                if fits and fault.times > 0:
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                    return fault
            return None

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._waiting]
