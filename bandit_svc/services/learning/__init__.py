"""Turn the log into joined decisions and trained models, in a recorded order."""
