"""What the authors of plugins test with.

`backend_suite` is the contract of state backends; `simulator` is a driver that loses power at any chosen effect;
`flows` makes random flows, with the policies that `policies` declares in the `world` around them, and `plain` finds out
what they must come to.
"""
