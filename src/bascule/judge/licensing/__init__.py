"""Licences as facts: what every text and declaration seen comes to together."""
