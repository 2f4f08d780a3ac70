"""Reports of calls, denials and authorization codes, read from the ledger (A2)."""
