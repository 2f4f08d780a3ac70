"""The settings of voice mail: ``[voicemail]`` in ringwall.toml."""

from pydantic import Field

from ringwall.infra.setting_values import Section


class VoiceMail(Section):
    """Voice mail. What each user may is in the class of service; here is what the house has."""

    enabled: bool = True
    """Whether calls that nobody takes go to mailboxes."""
    operator: str = Field(default="", pattern=r"^([0-9]{2,8})?$")
    """The extension that 0 leads to in a greeting whose owner has set no assistant; empty: nobody's."""
    disk_megabytes: int = Field(default=8192, ge=64, le=10_000_000)
    """What all recordings together may take, in MiB; an hour of speech is 28."""
    least_free_megabytes: int = Field(default=512, ge=16, le=1_000_000)
    """What is left free on the disk that holds them, in MiB."""
    bin_messages: int = Field(default=200, ge=0, le=1000)
    """How many deleted messages of a mailbox can be taken back; the oldest go first."""
    bin_days: int = Field(default=14, ge=1, le=3650)
    """After how many days a deleted message is gone."""
    saved_days: int = Field(default=0, ge=0, le=3650)
    """After how many days a saved message is removed; 0: never."""
    shortest_seconds: float = Field(default=2.0, ge=0.5, le=10, strict=False)
    """What is shorter is no message."""
    silence_seconds: float = Field(default=10.0, ge=3, le=60, strict=False)
    """After how long without voice a message is over."""
