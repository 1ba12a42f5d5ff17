"""``make bench-serving``: our server beside tipg on PostGIS and pygeoapi, the same cameras, one worker each, one run."""
