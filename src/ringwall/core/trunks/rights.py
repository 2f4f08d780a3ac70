"""What call control asks of the administration: the compiled policy, the trunks and their secrets."""

from collections.abc import Mapping
from typing import Protocol

from ringwall.core.rights.trunk import TrunkLine
from ringwall.policy.snapshot import PolicySnapshot
from ringwall.policy.usage import Use


class Rights(Protocol):
    """Something that always has the rights of this moment; each value is replaced as a whole on a change."""

    @property
    def snapshot(self) -> PolicySnapshot:
        """The compiled directory that decisions are made on."""

    @property
    def use(self) -> Use:
        """The ledger of use, which call control keeps."""

    @property
    def trunks(self) -> Mapping[str, TrunkLine]:
        """All trunks by their id."""

    def trunk_password(self, trunk: str) -> str | None:
        """The password of a trunk's digest login, if it has one."""

    def find_code(self, digits: str) -> str | None:
        """The id of the authorization code with these digits."""
