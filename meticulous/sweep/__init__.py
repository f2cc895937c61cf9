"""Many runs: sets of registered experiments, and what carries them out."""
