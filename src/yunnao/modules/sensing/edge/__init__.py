"""Edge sites: gateways that collect, judge, thin out and hand up what their devices say."""
