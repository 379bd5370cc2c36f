"""SavedModel -> an endpoint of Vertex AI, the heir of Cloud ML Engine."""
