"""Rows of tables that have a form of their own on a server."""
