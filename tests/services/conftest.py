"""The whole service in one process, for the verbs of every room."""

from tests.harness.service_fixtures import new_service, service

__all__ = ["new_service", "service"]
