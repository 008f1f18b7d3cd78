"""Fixtures that every test may ask for; they start what they need when they are first asked for."""

from hypothesis import settings

pytest_plugins = ["yunnao.testing.servers", "yunnao.testing.city"]

# A machine under load is slow; a test does not fail on a clock.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
