"""Users and their devices: an immutable snapshot for call control, a service that changes it durably."""

from ringwall.core.directory.model import DeviceEntry, UserEntry
from ringwall.core.directory.service import DirectoryService
from ringwall.core.directory.snapshot import Directory

__all__ = ["DeviceEntry", "Directory", "DirectoryService", "UserEntry"]
