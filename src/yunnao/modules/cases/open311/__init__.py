"""Open311 GeoReport v2: services, requests, tokens; JSON and XML."""
