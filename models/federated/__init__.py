"""Many clinics train one network together, and no picture leaves any of them."""
