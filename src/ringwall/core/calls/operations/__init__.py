"""What may be asked of call control over the API and the control socket."""
