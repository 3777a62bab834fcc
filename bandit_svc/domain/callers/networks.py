"""Networks, as settings name them."""

from ipaddress import IPv4Network, IPv6Network, ip_network

from bandit_svc.errors import InvalidInput

Networks = tuple[IPv4Network | IPv6Network, ...]


def networks_of(declared: str) -> Networks:
    """Return addresses and networks that are separated by commas.

    Raises:
        InvalidInput: one is none.
    """
    try:
        return tuple(ip_network(o.strip()) for o in declared.split(",") if o.strip())
    except ValueError as error:
        raise InvalidInput(
            f"trusted_proxies is wrong: {error}; write addresses and networks, such as "
            "10.0.0.5,192.168.0.0/16"
        ) from error
