"""Where a policy begins that another experiment has taught."""
