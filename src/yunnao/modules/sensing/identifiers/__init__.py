"""Resolvable identifiers of devices and entities, as records of the Handle System."""
