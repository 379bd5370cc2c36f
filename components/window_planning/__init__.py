"""Two train windows and an eval window -> checked windows, and why no eval row is a train row."""
