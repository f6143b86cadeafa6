"""Users in tables: MySQL, PostgreSQL, SQLite."""
