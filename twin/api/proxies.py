"""Who asks, and by which address: what proxies say of a request (X-Forwarded-*, RFC 7239) is believed of trusted ones only.

What is settled stands in the ASGI scope afterwards: ``client``, ``scheme``, the header ``host``, ``root_path`` with
``path``, and ``request_id`` where a trusted proxy gave one. Everything behind reads these and no forwarded header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

from twin.errors import BadParameter

FAMILY = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix")
STANDARD, REQUEST_ID = b"forwarded", b"x-request-id"
READ = frozenset({*FAMILY, STANDARD, REQUEST_ID})
HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
REQUEST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
PAIR = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"\s]*)')
DEFAULT_PORT = {"http": "80", "https": "443"}
N_KEPT, MAX_FORWARDED = 4096, 1024

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Told:
    """What proxies tell of a request; empty where they say nothing."""

    client: str = ""
    scheme: str = ""
    host: str = ""
    port: str = ""
    prefix: str = ""


class Proxies:
    """Settles who asks.

    Args:
        trusted: addresses and networks with commas or spaces between; none by default.
        root_path: a fixed prefix, whether the proxy leaves it in the path or takes it off.

    Raises:
        BadParameter: naming what is no network or no path.
    """

    def __init__(self, trusted: str = "", root_path: str = "") -> None:
        self.networks = networks_of(trusted)
        self.root_path = prefix_of(root_path)
        self.trusts = lru_cache(N_KEPT)(self._trusts)

    def settle(self, scope: Scope) -> bool:
        """Write down in the scope what holds; False where the request names no host that could be one."""
        peer = plain_address(scope["client"][0]) if scope.get("client") else ""
        if peer and peer != scope["client"][0]:
            scope["client"] = (peer, scope["client"][1])
        prefix = ""
        if self.networks and peer and self.trusts(peer):
            prefix = self._believe(scope)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) > 1 or (hosts and not is_host(hosts[0].decode("latin-1"))):
            return False
        if prefix:
            _set_prefix(scope, prefix)
        elif self.root_path:
            path = scope["path"]
            there = path == self.root_path or path.startswith(self.root_path + "/")
            _set_prefix(scope, self.root_path, is_there=there)
        return True

    def _trusts(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)

    def _believe(self, scope: Scope) -> str:
        """Take over what the proxies say. Returns the prefix that they took off the path."""
        said: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in READ:
                text = value.decode("latin-1")
                said[name] = f"{said[name]},{text}" if name in said else text
        if REQUEST_NAME.fullmatch(name := said.pop(REQUEST_ID, "")):
            scope["request_id"] = name
        if not said:
            return ""
        told = told_by_family(said, self.trusts) if any(n in said for n in FAMILY) else self._standard(said[STANDARD])
        if told.client:
            scope["client"] = (told.client, 0)
        if told.scheme in DEFAULT_PORT:
            scope["scheme"] = told.scheme
        _set_host(scope, told)
        return told.prefix if PREFIX.fullmatch(told.prefix) else ""

    def _standard(self, text: str) -> Told:
        return told_by_standard(text, self.trusts)


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks of a list such as ``10.0.0.0/8, ::1``. Raises BadParameter."""
    found = []
    for word in re.split(r"[,\s]+", text.strip()):
        if word:
            try:
                found.append(ip_network(word, strict=False))
            except ValueError:
                raise BadParameter(
                    f"TWIN_TRUSTED_PROXIES 中的“{word}”不是地址或网段，应为 10.0.0.1、10.0.0.0/8、::1 之类",
                    f"{word!r} in TWIN_TRUSTED_PROXIES is no address or network, such as 10.0.0.1, 10.0.0.0/8 or ::1",
                ) from None
    return tuple(found)


def prefix_of(text: str) -> str:
    """A prefix without the slash at its end; empty for none. Raises BadParameter."""
    prefix = text.strip().rstrip("/")
    if prefix and not PREFIX.fullmatch(prefix):
        raise BadParameter(
            f"TWIN_ROOT_PATH 应为 /twin 之类的路径，收到“{text}”",
            f"TWIN_ROOT_PATH must be a path such as /twin, got {text!r}",
        )
    return prefix


def is_host(text: str) -> bool:
    """Whether it is a host, with a port or without."""
    found = HOST.fullmatch(text)
    return found is not None and int(found["port"] or 0) < 1 << 16


def plain_address(text: str) -> str:
    """IPv4 as such, also where a socket for both kinds says ``::ffff:192.0.2.1``."""
    return text[7:] if text.startswith("::ffff:") and "." in text else text


def told_by_family(said: Mapping[bytes, str], trusts: Callable[[str], bool]) -> Told:
    """What X-Forwarded-* say. Each proxy adds to the right: what stands left of the first one not trusted may be made up."""
    lists = {name: [part.strip() for part in text.split(",")] for name, text in said.items()}
    hops = lists.get(FAMILY[0], [])
    back = n_trusted([address_of(hop) for hop in hops], trusts)

    def at(name: bytes) -> str:
        values = lists.get(name, [""])
        return values[max(len(values) - 1 - back, 0)]

    client = known_address(address_of(hops[len(hops) - 1 - back])) if hops else ""
    return Told(client, at(FAMILY[1]).lower(), at(FAMILY[2]), at(FAMILY[3]), at(FAMILY[4]).rstrip("/"))


def told_by_standard(text: str, trusts: Callable[[str], bool]) -> Told:
    """What RFC 7239's Forwarded says, of the hop next to the first that is not trusted."""
    if len(text) > MAX_FORWARDED:
        return Told()
    hops = [
        {name.lower(): value.strip('"').replace("\\", "") for name, value in PAIR.findall(element)}
        for element in ELEMENT.findall(text)
    ]
    if not hops:
        return Told()
    hop = hops[len(hops) - 1 - n_trusted([address_of(hop.get("for", "")) for hop in hops], trusts)]
    return Told(known_address(address_of(hop.get("for", ""))), hop.get("proto", "").lower(), hop.get("host", ""))


def n_trusted(addresses: Sequence[str], trusts: Callable[[str], bool]) -> int:
    """How many from the right are proxies of ours, the last of all not counted: somebody must have asked."""
    n = 0
    while n < len(addresses) - 1 and trusts(addresses[-1 - n]):
        n += 1
    return n


def address_of(hop: str) -> str:
    """``2001:db8::1`` of ``"[2001:db8::1]:4711"``, ``192.0.2.1`` of ``192.0.2.1:80``."""
    bare = hop.strip().strip('"')
    if bare.startswith("["):
        return bare[1:].partition("]")[0]
    return plain_address(bare.partition(":")[0] if bare.count(":") == 1 else bare)


def known_address(text: str) -> str:
    """The address in its one spelling; empty for ``unknown`` and made-up names."""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address; of IPv6 the /64, which one subscriber has whole."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(found) if found.version == 4 else str(ip_network((found, 64), strict=False))


def _set_host(scope: Scope, told: Told) -> None:
    """Write the host as the browser knows it over the header."""
    host = told.host or next((v.decode("latin-1") for n, v in scope["headers"] if n == b"host"), "")
    if told.port.isdecimal() and host and ":" not in host.rpartition("]")[2]:
        if told.port != DEFAULT_PORT.get(scope["scheme"]):
            host = f"{host}:{told.port}"
    elif not told.host:
        return
    rest = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope["headers"] = [(b"host", host.encode("latin-1", "replace")), *rest]


def _set_prefix(scope: Scope, prefix: str, *, is_there: bool = False) -> None:
    scope["root_path"] = prefix
    if not is_there:
        scope["path"] = prefix + scope["path"]
        scope["raw_path"] = prefix.encode() + (scope.get("raw_path") or b"")
    elif scope["path"] == prefix:
        scope["path"] = prefix + "/"
