"""Configurations as text: what is in them, and what can never get into them."""

import ipaddress
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from ringwall.edge import render
from ringwall.infra import accounts
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

TOKEN = "ab" * 32


@pytest.fixture
def edge(tmp_path: Path) -> render.Edge:
    layout = Layout.of(tmp_path)
    for directory in accounts.directories(layout):
        directory.path.mkdir(exist_ok=True)
    return render.edge_of(layout, Settings.for_address("192.0.2.7"), TOKEN)


@pytest.mark.parametrize("name", [field.name for field in fields(render.Edge) if field.type is str])
@pytest.mark.parametrize("ending", ["\nlisten=udp:0.0.0.0:5060", " # x", '"', "{{ 7 }}", "\x00", ";x"])
def test_no_text_can_put_a_line_or_a_quote_of_its_own_into_a_configuration(edge, name, ending) -> None:
    with pytest.raises(render.RenderError, match=name):
        replace(edge, **{name: getattr(edge, name) + ending})


@pytest.mark.parametrize("name", [field.name for field in fields(render.Edge) if field.type is int])
@pytest.mark.parametrize("value", ["1\nuser root", "1", True, None, 1.5, 2**31, -2])
def test_numbers_are_numbers_in_their_range(edge, name, value) -> None:
    with pytest.raises(render.RenderError, match=name):
        replace(edge, **{name: value})


def test_a_data_directory_with_a_blank_is_refused_by_name(edge) -> None:
    with pytest.raises(render.RenderError, match="haproxy must be an absolute path"):
        replace(edge, haproxy="/srv/my data/edge/haproxy")


def test_the_secret_of_flow_tokens_is_not_the_token_of_the_link_and_does_not_change(edge, tmp_path) -> None:
    again = render.edge_of(Layout.of(tmp_path), Settings.for_address("192.0.2.7"), TOKEN)
    other = render.edge_of(Layout.of(tmp_path), Settings.for_address("192.0.2.7"), "cd" * 32)
    assert edge.flow_token_secret == again.flow_token_secret != other.flow_token_secret
    assert TOKEN not in edge.flow_token_secret


@pytest.mark.req("T5")
def test_kamailio_listens_on_loopback_tcp_only_and_opens_no_connection(edge) -> None:
    lines = render.kamailio(edge).splitlines()
    listeners = [line for line in lines if line.startswith("listen=")]
    assert len(listeners) == 4
    assert all(line.startswith("listen=tcp:127.0.0.1:") for line in listeners)
    assert "tcp_no_connect=yes" in lines
    assert not [line for line in lines if "tls.so" in line]


@pytest.mark.req("T5")
def test_every_tcp_port_of_haproxy_ends_tls(edge) -> None:
    binds = [line.split() for line in render.haproxy(edge).splitlines() if line.strip().startswith("bind ")]
    binds = [line for line in binds if not line[1].startswith("unix@")]
    assert [line[1] for line in binds] == [
        *("192.0.2.7:5061", "192.0.2.7:443", "192.0.2.7:8443", "127.0.0.1:7443"),
    ]
    assert all(line[2] == "ssl" for line in binds)
    assert {"verify", "required", "TLSv1.3"} <= set(binds[3])


@pytest.mark.req("P4")
def test_what_the_edge_says_of_a_phones_certificate_comes_from_nobody_else(edge) -> None:
    text = render.haproxy(edge)
    door = text[text.index("frontend phones") : text.index("frontend inner")]
    removed = door.index("del-header X-Ringwall- -m beg")
    for header in ("X-Ringwall-Door", "X-Ringwall-Certificate %", "X-Ringwall-Source"):
        assert removed < door.index(f"set-header {header}")
    assert "if vouched vouched_well" in door
    assert "httplog" not in door  # an address may be a phone's secret
    assert "X-Ringwall-Door" not in text.replace(door, "")


def test_secrets_are_only_where_they_are_needed(edge) -> None:
    secrets = (edge.flow_token_secret, edge.link_inner, edge.link_outer, edge.seal_secret, edge.via_mark)
    for secret in secrets:
        assert secret in render.kamailio(edge)
    for text in (render.haproxy(edge), render.rtpengine(edge)):
        assert not any(secret in text for secret in (TOKEN, *secrets))


def test_a_low_limit_of_open_files_means_fewer_connections_and_a_hopeless_one_an_error() -> None:
    settings = Settings.for_address("192.0.2.7")
    phones, _, _ = render.connections(settings, 1_000_000)
    assert phones == settings.limits.connections
    phones, browsers, fetching = render.connections(settings, 20_000)
    assert 2 * (phones + browsers + fetching + 400) <= 20_000
    assert phones > 5000
    with pytest.raises(render.RenderError, match="open files"):
        render.connections(settings, 1024)


def test_what_the_edge_says_of_a_request_is_removed_before_it_is_set(edge) -> None:
    lines = [line.strip() for line in render.haproxy(edge).splitlines()]
    assert lines.index("http-request del-header X-Ringwall- -m beg") < lines.index(
        "http-request set-header X-Ringwall-Source %[src]"
    )
    # Kamailio lets nothing in that has such a header (see test_heads.py).
    script = render.kamailio(edge)
    assert "event_route[core:pre-routing] { route(CHECK); }" in script
    assert script.index('pcre_match_group("$mb", "0")') < script.index('append_hf("P-Ringwall-Flow')


@pytest.mark.req("T5")
def test_a_carrier_over_tls_is_checked_by_authority_and_name_and_clear_text_is_another_way(edge) -> None:
    text = render.haproxy(edge)
    servers = [line.split() for line in text.splitlines() if line.strip().startswith("server carrier ")]
    over_tls, clear = servers
    own = [line for line in text.splitlines() if "server slot" in line and "ca-file" in line]
    assert len(own) == len({line.split("ca-file")[1].split()[0] for line in own}) == 16
    assert all("ssl verify required" in line and "sni fc_pp_authority no-ssl-reuse" in line for line in own)
    assert "ssl verify required ca-file" in " ".join(over_tls)
    assert {"fc_pp_authority", "no-ssl-reuse"} <= set(over_tls)
    assert "ssl" not in clear
    assert "ssl-default-server-options ssl-min-ver TLSv1.2 no-tls-tickets" in text
    # A connection for which no name was given would be one whose name nobody checks.
    assert "tcp-request session reject unless { fc_pp_authority -m reg ^[A-Za-z0-9.-]+$ }" in text


@pytest.mark.req("W3")
def test_no_door_to_the_world_takes_a_source_that_is_the_cores_or_a_carriers(edge) -> None:
    refusal = "tcp-request connection reject if { src 127.255.0.0/16 }"
    doors = [text for text in render.haproxy(edge).split("\nfrontend ") if f"bind {edge.address}:" in text]
    assert len(doors) == 3
    for door in doors:
        assert door.index(refusal) < door.index("set-dst ipv4(127.0.0.1)")
    network = ipaddress.ip_network("127.255.0.0/16")
    made_up = re.findall(r"127\.255\.\d+\.\d+(?![\d/])", render.haproxy(edge))
    assert edge.link_address in made_up
    assert all(ipaddress.ip_address(address) in network for address in made_up)
    # The agent's, towards Kamailio and towards HAProxy: 127.255.0.N and 127.255.1.N.
    assert ipaddress.ip_address(edge.link_address) not in ipaddress.ip_network("127.255.0.0/23")


def test_every_secret_is_another_one_and_the_token_of_the_link_is_in_none_of_them(edge) -> None:
    made = {edge.flow_token_secret, edge.trunk_token, edge.via_mark, edge.seal_secret}
    assert len({TOKEN, *made, edge.link_inner, edge.link_outer}) == 7
    assert TOKEN not in render.kamailio(edge) + render.haproxy(edge)
    assert edge.trunk_token not in render.haproxy(edge)
