"""Routes that speak the protocols of others: feature flags, and sources of rewards."""
