"""Readers of logs that other systems made; each gives the arrays of decision_log."""
