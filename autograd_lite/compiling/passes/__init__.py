"""Passes: each takes a block and returns a shorter or faster one that computes the same."""
