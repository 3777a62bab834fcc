"""A whole service in one process, whose store an audit reads."""

from tests.harness.service_fixtures import new_service, service

__all__ = ["new_service", "service"]
