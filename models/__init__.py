"""Training of networks, on a workstation: recipes, phantom data sets, architectures, evaluation."""
