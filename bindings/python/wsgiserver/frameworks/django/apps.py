"""The application that brings the command."""

from django.apps import AppConfig


class WSGIServerConfig(AppConfig):
    """Has a label of its own, as the name ends with ``django``."""

    name = "wsgiserver.frameworks.django"
    label = "wsgiserver"
    verbose_name = "libwsgiserver"
