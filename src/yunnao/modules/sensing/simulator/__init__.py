"""A synthetic city of any size, which publishes as real devices do."""
