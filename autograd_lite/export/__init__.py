"""Saving and loading weights and training states."""
