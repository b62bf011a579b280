"""A Django site in one file.

    python3 examples/python/frameworks/django_site.py runwsgiserver 8070 --threads 20

serves it as `runserver` would, by this server. In production its WSGI application is served like any
other; in this folder: wsgiserver django_site:application
"""

import pathlib
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=True,
    INSTALLED_APPS=["django.contrib.staticfiles", "wsgiserver.frameworks.django"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="an example's",
    STATIC_URL="/static/",
    STATICFILES_DIRS=[pathlib.Path(__file__).resolve().parent],
)


def home(request):
    return HttpResponse("Hello from Django\n")


def greet(request):
    photo = request.FILES["photo"].read()
    return HttpResponse(f"Hello {request.POST['name']}, of {photo!r}\n")


def count(request, number):
    return StreamingHttpResponse((f"{at}\n" for at in range(number)), content_type="text/plain")


def source(request):
    return FileResponse(open(__file__, "rb"), content_type="text/plain")


def fail(request):
    raise LookupError("on purpose")


urlpatterns = [
    path("", home),
    path("greet", greet),
    path("count/<int:number>", count),
    path("source", source),
    path("fail", fail),
]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()
