"""What the authors of plugins test with: today the contract suite of state backends."""
