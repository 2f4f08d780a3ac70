"""What descriptions are let through, relays, and legs of the media server."""
