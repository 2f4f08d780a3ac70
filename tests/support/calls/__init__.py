"""A rig for call control: phones, an edge and a relay that exist only in memory, on a clock that does not wait."""
