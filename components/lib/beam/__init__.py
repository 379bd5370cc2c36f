"""How Beam work runs: in this process, on Dataflow, or on another engine."""
