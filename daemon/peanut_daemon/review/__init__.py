"""The page in the browser: see the masks of an edit, correct them, approve, render.

server.py    starts and stops it, and keeps its address over restarts
access.py    who may ask: the ticket in the address, the cookie, Host and Origin
routes.py    paths to calls, and errors to answers
session.py   what a page does to an edit: prompts, undo, tracking
feed.py      what it is told: the edit's state, and each mask as it is stored
state.py     edits and jobs as JSON
requests.py  JSON as prompts and settings
frames.py    pictures at the size of the page, from a process of their own (decoding.py)
static/      the page: plain modules, no build step, nothing from elsewhere
"""
