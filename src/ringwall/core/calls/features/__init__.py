"""What can be done with a call besides making and ending it; each feature asks the policy first."""
