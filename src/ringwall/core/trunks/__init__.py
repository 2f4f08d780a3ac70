"""Trunks: the carriers, how they are reached, whether they are there, and what is said to them."""
