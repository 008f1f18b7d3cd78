"""Servers that come with the platform: PostgreSQL and NATS, bound to the loopback.

They are daemons of their own: they outlive a killed platform, and whoever starts next finds them
again by what they left in the home folder.
"""
