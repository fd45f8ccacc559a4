"""Release: plan, bundle, verification, and what is generated into a bundle."""
