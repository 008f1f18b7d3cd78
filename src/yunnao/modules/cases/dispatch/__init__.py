"""Dispatch: which category a text is of, who is responsible, and how sure that is. Pure."""
