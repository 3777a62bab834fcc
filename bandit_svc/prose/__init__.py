"""Words and pages made of numbers, for people."""
