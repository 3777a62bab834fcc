"""How several learners share a PostgreSQL store."""
