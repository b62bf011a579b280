"""WSGIPathInfoDispatcher: several applications by the beginning of the path."""


class WSGIPathInfoDispatcher:
    """A WSGI application that chooses another one by PATH_INFO.

    ``apps`` is a dict of path prefix and application, or a list of such pairs. The longest prefix
    that fits wins; it moves from PATH_INFO to the end of SCRIPT_NAME. Where none fits the answer is
    404.
    """

    def __init__(self, apps):
        pairs = list(apps.items()) if hasattr(apps, "items") else list(apps)
        pairs.sort(key=lambda pair: len(pair[0]), reverse=True)
        self.apps = [(prefix.rstrip("/"), app) for prefix, app in pairs]

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO") or "/"
        for prefix, app in self.apps:
            if path.startswith(prefix + "/") or path == prefix:
                environ = environ.copy()
                environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
                environ["PATH_INFO"] = path[len(prefix) :]
                return app(environ, start_response)
        headers = [("Content-Type", "text/plain"), ("Content-Length", "0")]
        start_response("404 Not Found", headers)
        return [b""]
