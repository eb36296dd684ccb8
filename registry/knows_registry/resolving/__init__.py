"""Which versions a request comes to: a solver that knows names, versions and ranges only. Read `resolve` first."""
