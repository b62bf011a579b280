"""A Pyramid site, started from an ini file as Pyramid's sites are.

    cd examples/python/frameworks && PYTHONPATH=. pserve pyramid_site.ini
"""

from pyramid.config import Configurator
from pyramid.response import FileResponse, Response


def home(request):
    return Response("Hello from Pyramid\n")


def greet(request):
    photo = request.POST["photo"].file.read()
    return Response(f"Hello {request.POST['name']}, of {photo!r}\n")


def count(request):
    lines = (f"{at}\n".encode() for at in range(int(request.matchdict["number"])))
    return Response(app_iter=lines, content_type="text/plain")


def source(request):
    return FileResponse(__file__, request, content_type="text/plain")


def fail(request):
    raise LookupError("on purpose")


VIEWS = {"/": home, "/greet": greet, "/count/{number}": count, "/source": source, "/fail": fail}


def main(global_config, **settings):
    """The application: what `[app:main]` of the ini file names."""
    config = Configurator(settings=settings)
    for pattern, view in VIEWS.items():
        config.add_route(view.__name__, pattern)
        config.add_view(view, route_name=view.__name__)
    return config.make_wsgi_app()
