"""How long a comparison of two groups takes, before it has begun or while it runs."""
