"""Scripts that print figures about speed and memory."""
