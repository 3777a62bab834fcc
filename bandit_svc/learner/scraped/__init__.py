"""The address at which a learner's own metrics are read."""
