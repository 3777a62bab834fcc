"""What an experiment is worth to whoever runs it, and when it will be decided."""
