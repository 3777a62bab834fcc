"""Joined decisions as Parquet files under a URL, and what is computed from them."""
