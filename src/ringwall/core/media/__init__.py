"""What the core asks of the media servers: legs, rooms, players and recorders."""
