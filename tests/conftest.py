"""Fixtures that every test may ask for; they start what they need when they are first asked for."""

pytest_plugins = ["yunnao.testing.servers", "yunnao.testing.city"]
