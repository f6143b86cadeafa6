"""Listeners, connections and their deadlines."""
