"""Lists of variants in records."""
