"""What every way of deploying a model shares: the gate before, the version it becomes, the verification after."""
