"""Films: their frames, and what networks read of them."""
