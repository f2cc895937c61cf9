"""The writing side: arguments, streams, exits, environment, metrics, provenance, heartbeat."""
