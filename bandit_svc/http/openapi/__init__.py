"""The description of the API: its operations, their schemas and examples."""
