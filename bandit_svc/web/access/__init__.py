"""Access to pages: sessions, the sign-in form, errors as pages."""
