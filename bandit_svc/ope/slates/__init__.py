"""The value of a policy that fills several places of a page."""
