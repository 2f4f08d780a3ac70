"""Where everything lies in the data directory, in one place.

Nothing here touches the disk: owners and modes are set by ``accounts.prepare_directories``.
"""

from dataclasses import dataclass
from pathlib import Path

from ringwall.infra.errors import LayoutError

DEFAULT_DATA = Path("/var/lib/ringwall")

SOCKET_PATH_LIMIT = 108
"""Bytes that sockaddr_un holds on Linux, the closing zero included (unix(7))."""

_ROOM_FOR_TEMPORARY_NAME = 12
"""HAProxy binds its socket under its name plus ``.<pid>.tmp`` and then renames it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one system; ``data`` is absolute, without symbolic links in its text form resolved."""

    data: Path

    @classmethod
    def of(cls, data: Path | str) -> "Layout":
        """Return the layout below ``data`` (made absolute); LayoutError if socket paths would be too long."""
        layout = cls(Path(data).expanduser().absolute())
        longest = max(len(str(path).encode()) for path in layout.sockets)
        longest = max(longest, len(str(layout.haproxy_socket).encode()) + _ROOM_FOR_TEMPORARY_NAME)
        excess = longest + 1 - SOCKET_PATH_LIMIT
        if excess > 0:
            length = len(str(layout.data).encode())
            raise LayoutError(
                f"The data directory's name is too long for unix sockets: {layout.data} has {length} bytes, "
                f"at most {length - excess} are possible."
            )
        return layout

    # What the owner and every process may see.

    @property
    def settings_file(self) -> Path:
        """The settings, without secrets."""
        return self.data / "ringwall.toml"

    @property
    def ca_certificate(self) -> Path:
        """The root certificate that phones and browsers are told to trust."""
        return self.data / "ca.crt"

    @property
    def authorities(self) -> Path:
        """The authorities of vendors of phones, VENDOR.pem each: whose factory certificates count."""
        return self.data / "authorities"

    # Keys of the authorities: root only.

    @property
    def pki(self) -> Path:
        """Keys and certificates of the three authorities."""
        return self.data / "pki"

    @property
    def first_run_mark(self) -> Path:
        """Is there from the beginning of the first start to its end."""
        return self.pki / "first-run"

    @property
    def root_key(self) -> Path:
        """The key that signs the two issuing authorities; may be moved offline."""
        return self.pki / "root.key"

    @property
    def root_certificate(self) -> Path:
        """The certificate of the root."""
        return self.pki / "root.crt"

    @property
    def world_key(self) -> Path:
        """The key of the authority for what the world sees."""
        return self.pki / "world.key"

    @property
    def world_certificate(self) -> Path:
        """The certificate of the authority for what the world sees."""
        return self.pki / "world.crt"

    @property
    def inside_key(self) -> Path:
        """The key of the authority for links between core and edge."""
        return self.pki / "inside.key"

    @property
    def inside_certificate(self) -> Path:
        """The certificate of the authority for links between core and edge."""
        return self.pki / "inside.crt"

    # The edge.

    @property
    def edge(self) -> Path:
        """Everything of the edge zone."""
        return self.data / "edge"

    @property
    def haproxy(self) -> Path:
        """HAProxy's folder: configuration and certificates, readable to its user."""
        return self.edge / "haproxy"

    @property
    def haproxy_config(self) -> Path:
        """HAProxy's configuration."""
        return self.haproxy / "haproxy.cfg"

    @property
    def world_pem(self) -> Path:
        """The world's server certificate, its chain and its key."""
        return self.haproxy / "world.pem"

    @property
    def inner_pem(self) -> Path:
        """The certificate and key of the listener for the core."""
        return self.haproxy / "inner.pem"

    @property
    def haproxy_inside_ca(self) -> Path:
        """The authority by which HAProxy knows a core."""
        return self.haproxy / "inside-ca.crt"

    @property
    def carriers_ca(self) -> Path:
        """Authorities of carriers that are not among the system's; the owner's file, need not be there."""
        return self.haproxy / "carriers-ca.pem"

    @property
    def trunk_ca(self) -> Path:
        """All authorities by which HAProxy knows carriers: the system's and the owner's."""
        return self.haproxy / "trunk-ca.pem"

    def slot_ca(self, slot: int) -> Path:
        """The name of one trunk's own authorities in HAProxy; the file itself only holds its place."""
        return self.haproxy / f"trunk-ca-{slot}.pem"

    @property
    def phones_ca(self) -> Path:
        """All authorities by which HAProxy knows phones: our own for phones and the vendors'."""
        return self.haproxy / "phones-ca.pem"

    @property
    def kamailio(self) -> Path:
        """Kamailio's folder."""
        return self.edge / "kamailio"

    @property
    def kamailio_config(self) -> Path:
        """Kamailio's configuration."""
        return self.kamailio / "kamailio.cfg"

    @property
    def kamailio_heads(self) -> Path:
        """What the head of a message from outside may look like, for Kamailio's regex module."""
        return self.kamailio / "heads.pcre"

    @property
    def kamailio_run(self) -> Path:
        """Where Kamailio may write while it runs (its ``-Y``)."""
        return self.kamailio / "run"

    @property
    def rtpengine(self) -> Path:
        """The folder of rtpengine."""
        return self.edge / "rtpengine"

    @property
    def rtpengine_config(self) -> Path:
        """The configuration of rtpengine."""
        return self.rtpengine / "rtpengine.conf"

    @property
    def agent(self) -> Path:
        """The edge agent's own folder."""
        return self.edge / "agent"

    @property
    def bans_file(self) -> Path:
        """The bans that outlive a restart of the edge."""
        return self.agent / "bans.json"

    @property
    def trunks_file(self) -> Path:
        """The trunks that the core has set, for the time after a restart of the edge."""
        return self.agent / "trunks.json"

    @property
    def ledger_marks_file(self) -> Path:
        """How far the ledgers of the cores have come that this edge is a witness of."""
        return self.agent / "ledger-marks.json"

    @property
    def trunk_token(self) -> Path:
        """The word by which Kamailio knows the agent's connections for carriers."""
        return self.agent / "trunk.token"

    @property
    def edge_run(self) -> Path:
        """The sockets between HAProxy and the agent."""
        return self.edge / "run"

    @property
    def agent_http_socket(self) -> Path:
        """Requests from outside, HAProxy to agent."""
        return self.edge_run / "agent-http.sock"

    @property
    def agent_core_http_socket(self) -> Path:
        """The core's idle HTTP connections, HAProxy to agent."""
        return self.edge_run / "agent-core-http.sock"

    @property
    def agent_control_socket(self) -> Path:
        """The core's control link, HAProxy to agent."""
        return self.edge_run / "agent-control.sock"

    @property
    def haproxy_socket(self) -> Path:
        """HAProxy's admin socket, for the agent and for certificate renewal."""
        return self.edge_run / "haproxy.sock"

    @property
    def trunk_tls_socket(self) -> Path:
        """Connections to carriers over TLS, agent to HAProxy."""
        return self.edge_run / "trunk.sock"

    @property
    def trunk_clear_socket(self) -> Path:
        """Connections to carriers in clear text, agent to HAProxy."""
        return self.edge_run / "clear.sock"

    @property
    def trunk_log_socket(self) -> Path:
        """What became of connections to carriers, HAProxy to agent."""
        return self.edge_run / "trunk-log.sock"

    @property
    def door_log_socket(self) -> Path:
        """Connections from outside that failed, HAProxy to agent."""
        return self.edge_run / "door-log.sock"

    # The core.

    @property
    def core(self) -> Path:
        """Everything of the core: nobody else may look into it."""
        return self.data / "core"

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.core / "ringwall.db"

    @property
    def ledger_key(self) -> Path:
        """The key that signs the ledger's checkpoints."""
        return self.core / "ledger.key"

    @property
    def core_lock(self) -> Path:
        """Held by the core that runs, so that there is one."""
        return self.core / "core.lock"

    @property
    def ledger_mark(self) -> Path:
        """How far the ledger has come and what was ever found wrong with it, signed, beside its key."""
        return self.core / "ledger.mark"

    @property
    def secrets_key(self) -> Path:
        """The key that keeps authorization codes and carriers' passwords from readers of the database."""
        return self.core / "secrets.key"

    @property
    def mail_password(self) -> Path:
        """The password of the login at the mail server; need not be there."""
        return self.core / "mail.password"

    @property
    def link_certificate(self) -> Path:
        """The core's client certificate for its links to the edge."""
        return self.core / "link.crt"

    @property
    def link_key(self) -> Path:
        """The key of the core's client certificate."""
        return self.core / "link.key"

    @property
    def link_ca(self) -> Path:
        """The authority by which the core knows an edge."""
        return self.core / "inside-ca.crt"

    @property
    def link_token(self) -> Path:
        """The word that the core says in its hello and Kamailio knows from its configuration."""
        return self.core / "link.token"

    @property
    def firmware(self) -> Path:
        """Images of phones' firmware, and the two keys that say how fresh it is."""
        return self.core / "firmware"

    @property
    def devices_certificate(self) -> Path:
        """The authority for phones, by which the core gives them certificates of their own."""
        return self.core / "devices.crt"

    @property
    def devices_key(self) -> Path:
        """The key of the authority for phones: it can vouch for phones and for nothing else."""
        return self.core / "devices.key"

    @property
    def core_run(self) -> Path:
        """The folder of the core's control socket."""
        return self.core / "run"

    @property
    def core_socket(self) -> Path:
        """The core's control socket."""
        return self.core_run / "core.sock"

    # The media servers.

    @property
    def media(self) -> Path:
        """The folder of the media servers: their sockets, and their certificate for cores on other hosts."""
        return self.data / "media"

    @property
    def media_run(self) -> Path:
        """The folder of the media servers' control sockets."""
        return self.media / "run"

    def media_socket(self, number: int) -> Path:
        """The control socket of one media server; they are counted from 1."""
        return self.media_run / f"media-{number}.sock"

    @property
    def media_certificate(self) -> Path:
        """The media servers' certificate for cores on other hosts."""
        return self.media / "media.crt"

    @property
    def media_key(self) -> Path:
        """The key of that certificate."""
        return self.media / "media.key"

    @property
    def media_ca(self) -> Path:
        """The authority by which the media servers know a core."""
        return self.media / "inside-ca.crt"

    @property
    def recordings(self) -> Path:
        """Sealed recordings: written by the media servers, opened with keys that only the core has."""
        return self.data / "recordings"

    # Supervision.

    @property
    def log(self) -> Path:
        """One log file for each program."""
        return self.data / "log"

    @property
    def run(self) -> Path:
        """What supervision itself needs: root only."""
        return self.data / "run"

    @property
    def supervisord_config(self) -> Path:
        """The configuration of supervisord."""
        return self.run / "supervisord.conf"

    @property
    def supervisord_socket(self) -> Path:
        """The socket by which supervisord is asked."""
        return self.run / "supervisord.sock"

    @property
    def supervisord_pid(self) -> Path:
        """The process id of supervisord."""
        return self.run / "supervisord.pid"

    @property
    def lock_file(self) -> Path:
        """Held by whoever starts or changes this system."""
        return self.run / "lock"

    @property
    def sockets(self) -> tuple[Path, ...]:
        """Every unix socket: their paths must fit into sockaddr_un."""
        return (
            self.agent_http_socket,
            self.agent_core_http_socket,
            self.agent_control_socket,
            self.haproxy_socket,
            self.trunk_tls_socket,
            self.trunk_clear_socket,
            self.trunk_log_socket,
            self.door_log_socket,
            self.core_socket,
            self.media_socket(99),
            self.supervisord_socket,
        )
