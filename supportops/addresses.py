"""IP addresses of callers: which one a request came from, and whether it is among those allowed."""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """Return the caller's address; empty when the server does not know it."""
    return caller_of(request.META)


def caller_of(environ: Mapping[str, Any]) -> str:
    """Return the address of whoever sent the request with this WSGI environment; empty when it is not known.

    Each trusted proxy appends the address it was called from to X-Forwarded-For, so with n of them the n-th
    entry from the right is the caller's; everything further left was written by the caller himself.
    """
    trusted = settings.TRUSTED_PROXIES
    if trusted:
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if hops:
            return _plain(hops[-min(trusted, len(hops))])
    return _plain(environ.get("REMOTE_ADDR", ""))


def is_allowed(ip: str, allowed: Iterable[str]) -> bool:
    """Return whether `ip` lies in one of the `allowed` addresses or networks; no list at all allows everybody."""
    networks = list(allowed)
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def check_networks(values: Iterable[object]) -> list[str]:
    """Return the addresses and networks in one form. Raises ValueError, naming the one that is none."""
    checked = []
    for value in values:
        try:
            # As text, since ip_network would take a number for an address.
            network = ipaddress.ip_network(value.strip() if isinstance(value, str) else "", strict=False)
        except ValueError:
            raise ValueError(f"'{value}' is neither an IP address nor a network such as 10.0.0.0/8") from None
        checked.append(str(network.network_address) if network.num_addresses == 1 else str(network))
    return checked


@lru_cache(maxsize=1024)
def _plain(text: str) -> str:
    """Return an address without port, brackets and IPv4-in-IPv6 wrapping; empty when it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
