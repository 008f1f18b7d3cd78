"""History from files, through the doors of real devices."""
