"""The command line: parses, calls a journey, prints."""
