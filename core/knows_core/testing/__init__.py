"""What the authors of plugins test with: `backend_suite`, the contract of state backends, and `simulator`, a driver that
loses power at any chosen effect.
"""
