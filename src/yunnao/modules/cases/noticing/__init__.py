"""Who is told of what happens to a case: one table from events of the timeline to notices."""
