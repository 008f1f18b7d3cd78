"""Rules: what they find in readings, by batch and by the clock."""
