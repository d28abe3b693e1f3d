"""A mail server that follows a recorded conversation, and fails the test where we say something else.

A recording, ``answers/<action>__<outcome>.json``: `dialogue` (lines of the server begin with ``<``, ours with ``>``;
``> (mail)`` stands for a whole mail up to its final dot, ``! close`` for the server hanging up), `credentials` and
`parameters` on top of the usual ones, and either `data` (of the result) or `raise` and `says`.
"""

import json
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ANSWERS = Path(__file__).parent / "answers"
LONGEST = 10.0


def names(start: str = "") -> list[str]:
    return sorted(path.stem for path in ANSWERS.glob(f"{start}*.json"))


def recording(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    return found


class ScriptedServer:
    """Serves one conversation on the loopback. `mail` keeps the mail as it came, `complaints` what went otherwise."""

    def __init__(self, dialogue: list[str]) -> None:
        self.dialogue = dialogue
        self.mail = b""
        self.complaints: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LONGEST)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._thread.join(LONGEST)

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as lines:
            connection.settimeout(LONGEST)
            try:
                self._follow(lines)
            except OSError:
                self.complaints.append("the client hung up too early")

    def _follow(self, lines: Any) -> None:
        for planned in self.dialogue:
            kind, _, text = planned.partition(" ")
            if kind == "<":
                lines.write(text.encode() + b"\r\n")
                lines.flush()
            elif kind == "!":
                return
            elif text == "(mail)":
                while not self.mail.endswith(b"\r\n.\r\n"):
                    line = lines.readline()
                    if not line:
                        self.complaints.append("the mail has no end")
                        return
                    self.mail += line
            else:
                came = lines.readline().decode().strip()
                if not _fits(came, text):
                    self.complaints.append(f"came {came!r}, planned was {text!r}")
                    return


def _fits(came: str, planned: str) -> bool:
    """A planned line may end in ``*``: how large a mail is depends on its encoding."""
    start, star, _ = planned.partition("*")
    return came.casefold().startswith(start.casefold()) if star else came.casefold() == planned.casefold()
