"""``python -m supportops.running.sandbox_platform``: serve until stopped."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from supportops.running.sandbox_platform.server import SandboxPlatform


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the platforms, print how to point SupportOps at them, and end on SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="Answers like Slack, Trello, Freshdesk and Zendesk, for trying out.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=4010, help="port; 0 takes a free one")
    options = parser.parse_args(arguments)
    try:
        sandbox = SandboxPlatform(options.host, options.port)
    except OSError as error:
        print(f"Cannot listen on {options.host}:{options.port}: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"Sandbox platforms at {sandbox.url} (what arrived: {sandbox.url}/_arrived)")
    print(f"SUPPORTOPS_OUTBOUND_ALLOW={sandbox.outbound_allow}")
    print(f"SUPPORTOPS_PLATFORM_URLS='{json.dumps(sandbox.platform_urls)}'", flush=True)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
