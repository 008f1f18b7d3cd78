"""Where devices are, and what their newest values say of places: pure, over columns."""
