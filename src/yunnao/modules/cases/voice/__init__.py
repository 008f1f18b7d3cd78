"""Voice to text: a port that a city connects to a recogniser of its own."""
