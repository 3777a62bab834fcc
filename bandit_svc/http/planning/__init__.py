"""The route of the planner."""
