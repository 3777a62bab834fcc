"""The use cases, one verb a file. No verb imports another verb."""
