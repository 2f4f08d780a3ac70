"""Who may speak, and where they are reached: digest, trusted flows, bindings (RFC 3261 10, RFC 5626)."""
