"""What the report of a job measures and shows: seams, flicker, doubtful frames, and the page."""
