"""Where host names lead: addresses, and which of them are no business of strangers."""

import ipaddress
import socket

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
"""Of RFC 8215; Python calls it global before 3.11.10 or so."""


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses of a host, as they are to be tried; each once.

    Raises:
        OSError: there are none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_private(address: str) -> bool:
    """Whether an address leads to this machine or into the network that it stands in.

    >>> is_private("127.0.0.1"), is_private("::ffff:169.254.169.254"), is_private("1.1.1.1")
    (True, True, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inner or ip
    inside = getattr(ip, "is_site_local", False) or ip in LOCAL_NAT64
    return not ip.is_global or ip.is_multicast or ip.is_reserved or inside
