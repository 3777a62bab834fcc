"""The content of forms, and the problems of what was typed."""
