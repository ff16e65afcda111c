"""What tmpalloc's debugger adapters share: the binding of libtmpalloc.so and its sessions.

Knows no debugger; each adapter subclasses tmpalloc.host.Host.
"""
