"""Pages of several slots: what a request asks, and what it is answered."""
