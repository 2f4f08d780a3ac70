"""Who may speak, and where he is reached: digest authentication, trusted flows and bindings (RFC 3261 10, 5626)."""
