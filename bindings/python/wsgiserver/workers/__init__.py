"""``cheroot.workers`` under its own name: see ``threadpool``."""
