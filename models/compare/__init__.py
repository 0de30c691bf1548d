"""Networks in one table: every architecture on patients it never saw, and candidates for a Jetson Nano on phantoms."""
