"""Built-in plug-ins, one module or data folder each. Discovered, never imported."""
