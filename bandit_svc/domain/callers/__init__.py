"""Who may call how often, and whose word of a caller is believed."""
