from django.apps import AppConfig

class WSGIServerConfig(AppConfig):
    name: str
    label: str
    verbose_name: str
