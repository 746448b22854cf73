"""Messages on their way to webhook endpoints.

``pump`` sends: it holds a lane for each endpoint that has something due (``lanes``: what goes next,
and what a failure means), and speaks with the database in batches (``store``, ``statements``).
``schedule`` says how long to wait, ``letters`` what is sent, ``warnings`` tells of endpoints that
fail for long.
"""
