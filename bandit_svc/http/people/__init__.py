"""The API of units and events."""
