"""Two analyses of the same eval examples -> which model is better, and how sure that is."""
