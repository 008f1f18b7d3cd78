"""Patrol officers: what they see, and what they settle on the spot."""
