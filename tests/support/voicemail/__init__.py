"""Voice mail without engines: parties that press keys from a script, and a store in memory."""
