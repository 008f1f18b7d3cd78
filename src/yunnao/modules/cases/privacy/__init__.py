"""Personal data of who reported: removed in time or on request, and counted."""
