"""Pages for people, mounted by the HTTP edge."""
