"""How the core controls the media server (docs/media-control.md)."""
