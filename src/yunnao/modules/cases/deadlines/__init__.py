"""Deadlines of cases: limits, clocks that stop, amber and red, escalation, and the forecast of overdue."""
