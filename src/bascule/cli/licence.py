"""Licences: what text it is, what it allows, which duties it brings."""
