"""The whole service in one process, for reports of real data."""

from tests.harness.service_fixtures import new_service, service

__all__ = ["new_service", "service"]
