"""Say what an experiment earned."""
