"""Which media servers this core has, and how each is reached: a unix socket, or TLS to another host (T4)."""

from ringwall.core.links.tls import Credentials, Dialler
from ringwall.core.media.link import MediaLink, tls_dial, unix_dial
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings


def links_of(layout: Layout, settings: Settings) -> list[MediaLink]:
    """A link for each media server, the first one first; each still has to `run`."""
    media = settings.media
    links = []
    for number in range(1, media.processes + 1):
        if media.elsewhere:
            files = Credentials(layout.link_certificate, layout.link_key, layout.link_ca)
            port = media.control_port + number - 1
            dial = tls_dial(Dialler(media.media_address, port, settings.media_host, files))
        else:
            dial = unix_dial(layout.media_socket(number))
        links.append(
            MediaLink(
                dial,
                settings.core_name,
                name=f"media server {number}",
                retry_seconds=settings.links.retry_seconds,
            )
        )
    return links
