"""Learning from the city's own cases: champion, challenger, and when one follows the other."""
