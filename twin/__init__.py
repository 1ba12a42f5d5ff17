"""Hongqiao Twin: a city-infrastructure twin whose plan clauses are executable, cited rules."""

__version__ = "0.1.0"
