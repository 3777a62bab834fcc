"""The kind `auto`: models of the reward side by side, weighted by their evidence."""
