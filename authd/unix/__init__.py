"""Kernel calls that several parts need."""
