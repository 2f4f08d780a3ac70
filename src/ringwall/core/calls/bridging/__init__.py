"""Who hears whom: relay or room, and calls that move between them."""
