"""The settings of desk phones."""

import ipaddress
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field

from ringwall.infra.setting_values import Section


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8") from None


def _zone(text: str) -> str:
    if text not in zoneinfo.available_timezones():
        raise ValueError("must be a time zone such as Europe/Berlin")
    return text


class Phones(Section):
    """Desk phones that are set up by the system."""

    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"), max_length=100, strict=False
    )
    """Where a phone with a factory certificate is let in without being asked for: your own networks."""
    time_server: str = Field(
        default="pool.ntp.org", min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.-]+$"
    )
    """The NTP server that phones are told."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "Etc/UTC"
    """The time zone that phones show."""
    pnp: bool = True
    """Whether new phones that ask by multicast are told where their configuration is (SIP PnP)."""
