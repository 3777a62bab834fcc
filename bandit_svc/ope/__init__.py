"""Statistics of logged decisions; numpy only, knows nothing of the service."""
