"""Jobs: their states, the plan of a render, and who gets the worker next."""
