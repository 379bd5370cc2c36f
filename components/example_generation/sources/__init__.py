"""Where rows come from: a handle -> a table whose rows a query selects."""
