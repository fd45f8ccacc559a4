"""All configuration, one typed tree."""
