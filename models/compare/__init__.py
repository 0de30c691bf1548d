"""Every architecture in one table: what it costs, and how well it finds the regions of patients it never saw."""
