"""The store of a service that outgrows one machine: a schema of a PostgreSQL server.

Settings refuse its address until every part of storage.interface is here.
"""
