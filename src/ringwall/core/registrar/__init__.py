"""Who may speak, and where he is reached: digest, trusted flows, bindings (RFC 3261 10, RFC 5626)."""
