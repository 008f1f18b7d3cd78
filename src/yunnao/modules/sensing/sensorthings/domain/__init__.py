"""What of SensorThings needs no database: the model, query options, their translation to SQL."""
