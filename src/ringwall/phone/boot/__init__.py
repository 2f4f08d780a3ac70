"""The boot loader: stands on `infra` and python-tuf alone, and starts only what it has verified."""
