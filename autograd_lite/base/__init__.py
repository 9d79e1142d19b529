"""What every other package uses and what knows nothing of derivatives: trees, random numbers, interrupts, memory."""
