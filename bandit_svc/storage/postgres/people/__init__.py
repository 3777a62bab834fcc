"""States of units and their places under caps, each in a schema beside the store's."""
