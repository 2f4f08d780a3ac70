"""The ground that transitions stand on: tables, timers, the way to the wire, hooks."""
