"""The privileged side: it answers one question, does this password open this account, and nothing else."""
