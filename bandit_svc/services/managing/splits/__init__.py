"""Begin, steer and end splits."""
