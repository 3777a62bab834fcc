"""The pages: each module has a function `register` that adds its routes."""
