"""The store: SQLAlchemy on SQLite or PostgreSQL. Rows never leave this package."""
