"""The weather that the processes of a service share."""
