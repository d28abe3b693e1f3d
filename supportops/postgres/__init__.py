"""Django's PostgreSQL backend, which takes texts of strangers as they are."""
