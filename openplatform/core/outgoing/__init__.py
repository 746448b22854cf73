"""The one way out: requests that end in time, read no more than agreed, and go where they may.

- One deadline holds for the whole exchange, looking up the name too, however slowly bytes drip in:
  at it, the connection is shut.
- The body is read as it is (nothing is decompressed) and up to a limit.
- Redirects are not followed; proxies, credentials and cookies of the environment are not used.
- A host is looked up once, every address that it has must be a public one, and the connection goes
  to one of these. Hosts that the settings name are exempt, for providers those in
  ``OUTGOING_PRIVATE_HOSTS``, for webhooks those in ``WEBHOOK_PRIVATE_HOSTS``, and so is everything
  while ``DEBUG`` is on; only to these may plain http be spoken.

``client.send_request`` is for one request now and then, ``async_client.AsyncClient`` for many at
once. The same tests hold for both.
"""
