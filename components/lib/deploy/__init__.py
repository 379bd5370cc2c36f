"""What all ways of deploying a model share: the checks before, the published version, the verification after."""
