"""From PyTorch to what the device runs."""
