"""Evidence to facts: who speaks, what they say, and what is unknown because somebody is silent."""
