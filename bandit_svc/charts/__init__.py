"""Numbers as pictures: SVG text from plain values; knows nothing of the service."""
