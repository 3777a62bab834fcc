"""A report as one HTML file; see page.py."""
