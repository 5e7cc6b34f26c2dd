"""Lets a request say, by its metadata, how the server answers it.

docs/peer-protocol.md lists the entries. An interceptor does what they say, so that
the services know nothing of it; a call without them is served as if it were not
there.
"""

from directions.interceptor import DirectionsInterceptor

__all__ = ["DirectionsInterceptor"]
