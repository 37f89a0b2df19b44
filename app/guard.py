"""Who may ask, and how often: an optional key and an optional rate per client."""

import binascii
import hmac
import ipaddress
import time
from base64 import b64decode

from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.settings import Settings

# A browser asks its user for a name, which is ignored, and a password, which is the key.
CHALLENGE = {"WWW-Authenticate": 'Basic realm="Box office", charset="UTF-8"'}


class Guard:
    """Refuses requests without the key, and those of a client that sends too many.

    The rate counts POST requests, since they are what takes time, by the client's address. The
    counts are of this process alone.
    """

    def __init__(self, settings: Settings):
        self._key = settings.key.get_secret_value().encode() if settings.key else None
        self._limiter = None
        if settings.rate:
            from limits import parse  # takes a while, and few services need it
            from limits.storage import MemoryStorage
            from limits.strategies import SlidingWindowCounterRateLimiter

            self._rate = parse(settings.rate)
            self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Refuse a request by its head.

        Raises
        ------
        HTTPException
            401 without the key, 429 beyond the rate.
        """
        if self._key is not None and not hmac.compare_digest(_stated_key(headers), self._key):
            raise HTTPException(401, "the key of this service is missing or wrong", CHALLENGE)
        if self._limiter is None or scope["method"] != "POST":
            return
        client = network(scope)
        if not self._limiter.hit(self._rate, client):
            ends = self._limiter.get_window_stats(self._rate, client).reset_time
            seconds = max(1, round(ends - time.time()))
            message = f"more than {self._rate} from your address: try again in {seconds} s"
            raise HTTPException(429, message, {"Retry-After": str(seconds)})


def network(scope: Scope) -> str:
    """The address of a client; of IPv6 the network, since one client has many addresses."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    address = getattr(address, "ipv4_mapped", None) or address
    size = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network((address, size), strict=False).network_address)


def _stated_key(headers: dict[bytes, bytes]) -> bytes:
    """The key of `X-API-Key`, of `Authorization: Bearer`, or the password of `Basic`."""
    scheme, _, stated = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return stated.strip()
    if scheme.lower() == b"basic":
        try:
            return b64decode(stated, validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return headers.get(b"x-api-key", b"")
