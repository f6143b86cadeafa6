"""pam: whatever the stack of a PAM service says."""
