"""The one query that selects rows: its windows, its derived columns, and how DuckDB runs what BigQuery does."""
