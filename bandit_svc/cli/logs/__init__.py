"""Commands that read and write decision logs."""
