"""Operators that the clock runs over latest values and history, and the forecaster."""
