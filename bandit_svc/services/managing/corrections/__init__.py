"""Make anew what was learned from rewards that were corrected since."""
