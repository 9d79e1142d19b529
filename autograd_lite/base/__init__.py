"""What every package uses and what does not concern derivatives: trees, random numbers, memory."""
