"""Weights and training states in files."""
