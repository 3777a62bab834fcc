"""The enrichers of a decision's context, as a request uses them."""
