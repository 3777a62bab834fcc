"""What policies do when rewards change: detection, limited memory, scheduled resets."""
