"""Helpers of every package that do not concern derivatives: trees, random numbers, memory."""
