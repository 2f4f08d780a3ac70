"""Which certificates are renewed and deployed, and when."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from ringwall.edge import certificates
from ringwall.edge.haproxy_admin import HaproxyAwayError, HaproxyError
from ringwall.infra import accounts, device_pki, pki
from ringwall.infra.errors import PkiError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from support.vendors import Vendor


class FakeAdmin:
    """A HAProxy that loaded the files as they were when it started."""

    def __init__(self, layout: Layout) -> None:
        self.loaded = {
            str(path): path.read_text()
            for path in (layout.world_pem, layout.inner_pem, layout.haproxy_inside_ca)
        }
        self.loaded[str(layout.phones_ca)] = device_pki.bundle(layout).decode()
        self.log: list[str] = []
        self.away = False

    def info(self) -> dict[str, str]:
        if self.away:
            raise HaproxyAwayError("HAProxy does not run.")
        return {}

    def certificate_serial(self, path: str) -> int:
        return certificates._certificate(self.loaded[path]).serial_number

    def trusts(self, path: str, serial: int) -> bool:
        return certificates._certificate(self.loaded[path]).serial_number == serial

    def serials(self, path: str) -> set[int]:
        found = x509.load_pem_x509_certificates(self.loaded[path].encode())
        return {one.serial_number for one in found}

    def deploy_certificate(self, path: str, pem: str) -> None:
        self.loaded[path] = pem
        self.log.append(path)

    deploy_authority = deploy_certificate


@pytest.fixture
def system(tmp_path, monkeypatch) -> tuple[Layout, Settings, FakeAdmin]:
    layout, settings = Layout.of(tmp_path), Settings.for_address("192.0.2.7")
    for directory in accounts.directories(layout):
        directory.path.mkdir(exist_ok=True)
    pki.ensure_pki(layout, settings, chown=False)
    admin = FakeAdmin(layout)
    monkeypatch.setattr(certificates, "HaproxyAdmin", lambda _path: admin)
    return layout, settings, admin


@pytest.mark.req("T7")
def test_what_haproxy_uses_already_is_left_alone(system) -> None:
    layout, settings, admin = system
    assert certificates.renew_if_due(layout, settings, chown=False) == []
    assert admin.log == []


@pytest.mark.req("T7")
def test_leaves_below_a_third_of_their_life_are_renewed_and_deployed(system) -> None:
    layout, settings, admin = system
    pki.renew(layout, settings, chown=False, now=datetime.now(UTC) - timedelta(days=61))
    assert set(certificates.renew_if_due(layout, settings, chown=False)) >= {"world", "inner", "link"}
    assert admin.log == [str(layout.world_pem), str(layout.inner_pem)]
    assert admin.loaded[str(layout.world_pem)] == layout.world_pem.read_text()


def test_what_was_renewed_while_haproxy_did_not_answer_is_deployed_at_the_next_look(system) -> None:
    layout, settings, _ = system
    pki.renew(layout, settings, chown=False)
    assert certificates.renew_if_due(layout, settings, chown=False) == ["world", "inner"]


@pytest.mark.req("P4")
def test_the_authorities_of_a_vendor_are_known_at_once_and_forgotten_at_once(system) -> None:
    layout, _, admin = system
    file = layout.authorities / "yealink.pem"
    file.write_bytes(Vendor().pem)
    assert certificates.deploy(layout) == ["phones authorities"]
    assert admin.loaded[str(layout.phones_ca)] == layout.phones_ca.read_text()
    assert certificates.deploy(layout) == []
    file.unlink()
    assert certificates.deploy(layout) == ["phones authorities"]
    file.write_bytes(b"".join(Vendor(str(number)).pem for number in range(20)))
    with pytest.raises(HaproxyError, match="too many"):
        certificates.deploy(layout)


def test_without_a_running_haproxy_the_files_are_enough(system) -> None:
    layout, settings, admin = system
    admin.away = True
    assert set(certificates.renew(layout, settings, chown=False)) >= {"world", "inner", "link"}
    assert admin.log == []


def test_a_file_that_cannot_be_read_is_one_clear_error(system) -> None:
    layout, _, admin = system
    layout.world_pem.write_bytes(b"\xff\xfe")
    with pytest.raises(PkiError, match="cannot be read"):
        certificates.deploy(layout)
    layout.world_pem.write_text("nothing")
    with pytest.raises(PkiError, match="no certificate"):
        certificates.deploy(layout)
    assert admin.log == []
