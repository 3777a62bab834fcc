"""Who may see a page: sessions, the sign-in form, errors as pages."""
