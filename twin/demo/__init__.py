"""The reference twin: schematic geography and synthetic assets drawn from a seed. The way in is ``build``."""
