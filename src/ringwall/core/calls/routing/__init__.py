"""From an INVITE to whom it rings at: admitted, decided, routed."""
