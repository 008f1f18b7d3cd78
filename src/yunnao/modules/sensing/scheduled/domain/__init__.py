"""Pure: what scheduled operators and the forecaster compute."""
