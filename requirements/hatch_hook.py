"""Gives the wheel the dependencies of requirements/run.in, so that they stand in one place only."""

from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class DependenciesFromRunIn(MetadataHookInterface):
    """Reads requirements/run.in; the exact versions with hashes are in run.txt beside it."""

    def update(self, metadata: dict) -> None:
        """Put the dependencies into the project's metadata."""
        lines = (Path(self.root) / "requirements" / "run.in").read_text().splitlines()
        names = [line.strip() for line in lines if not line.startswith("#")]
        metadata["dependencies"] = [name for name in names if name]
