"""The values of call control: calls, legs and what they are made of."""
