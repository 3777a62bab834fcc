"""The order in which facts about persons hold."""
