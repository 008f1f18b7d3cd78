"""Other systems: their numbers, cases in batches, word of what became of them."""
