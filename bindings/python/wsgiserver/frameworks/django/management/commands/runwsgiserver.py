"""``manage.py runwsgiserver``: ``runserver`` by libwsgiserver."""

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import get_internal_wsgi_application
from django.utils import autoreload

from wsgiserver import addresses
from wsgiserver.frameworks import make_server

__all__ = ["Command"]


class Command(BaseCommand):
    """The command."""

    help = "Serves the site by libwsgiserver: with --noreload good for production, too."
    requires_system_checks = []  # done in the process that serves

    def add_arguments(self, parser):
        """Those of runserver, and the server's options."""
        add = parser.add_argument
        add("address", nargs="?", default="127.0.0.1:8000",
            help="PORT, HOST:PORT, [IPV6]:PORT, or the path of a UNIX socket")
        add("--threads", type=int, default=10, help="threads (default: 10)")
        add("--option", action="append", default=[], metavar="NAME=VALUE",
            help="an option of libwsgiserver, like max_request_body_size=1000000; may be repeated")
        add("--noreload", action="store_false", dest="reload",
            help="do not load the site anew when a file changes")
        add("--nostatic", action="store_false", dest="static",
            help="do not serve static files, which is done while DEBUG is set")

    def handle(self, *_, **options):
        """Serves, here or in a process that is started anew when a file changes."""
        address = self._address(options["address"])
        given = dict(self._option(text) for text in options["option"])
        given["threads"] = options["threads"]
        arguments = (address, given, options["static"])
        if options["reload"]:
            autoreload.run_with_reloader(self.serve, *arguments)
        else:
            self.serve(*arguments)

    def serve(self, address, options, static):
        """Checks the site, and serves it until Ctrl-C."""
        autoreload.raise_last_exception()
        self.check(display_num_errors=True)
        self.check_migrations()
        try:
            server = make_server(self.application(static), address, options)
        except ValueError as error:
            raise CommandError(str(error)) from None
        try:
            server.prepare()
            self._tell(server)
            server.serve()
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            pass
        finally:
            server.stop()

    def _tell(self, server):
        urls = ", ".join(self._url(text) for text in server.bound_addrs)
        site = settings.SETTINGS_MODULE or settings.ROOT_URLCONF
        self.stdout.write(f"Serving {site} on {urls}, Ctrl-C stops it")

    def application(self, static):
        """The site, with its static files while DEBUG is set."""
        application = get_internal_wsgi_application()
        if static and settings.DEBUG and apps.is_installed("django.contrib.staticfiles"):
            from django.contrib.staticfiles.handlers import StaticFilesHandler

            return StaticFilesHandler(application)
        return application

    @staticmethod
    def _address(text):
        if text.isdigit():
            return "127.0.0.1", int(text)
        if addresses.is_host_and_port(text):
            return addresses.from_text(text)
        if "/" in text:
            return text
        raise CommandError(f"{text!r} is not an address: PORT, HOST:PORT, [IPV6]:PORT, or a path")

    @staticmethod
    def _option(text):
        name, equals, value = text.partition("=")
        if not equals:
            raise CommandError(f"--option {text}: NAME=VALUE is needed")
        return name.replace("-", "_"), value

    @staticmethod
    def _url(text):
        return text if text.startswith(("@", "unix:")) else f"http://{text}/"
