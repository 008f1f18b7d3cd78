"""Pure parts: no database, clock or network."""
