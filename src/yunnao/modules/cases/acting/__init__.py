"""Acting on cases: everything that parties do to a case once it is open."""
