"""Event packages that phones subscribe to (RFC 6665)."""
