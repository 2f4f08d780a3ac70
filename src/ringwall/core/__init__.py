"""Inside the inner wall: call control, registrar, directory, ledger, API. Listens on nothing."""
