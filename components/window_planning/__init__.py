"""Two train windows and an eval window -> checked windows, and a proof that no eval row is a train row."""
