"""The HTTP service: routes, schemas, authentication, events and the page."""
