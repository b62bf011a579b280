from _typeshed.wsgi import WSGIApplication
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

__all__ = ["Command"]

class Command(BaseCommand):
    help: str
    requires_system_checks: list[str]
    def add_arguments(self, parser: ArgumentParser) -> None: ...
    def handle(self, *_: Any, **options: Any) -> None: ...
    def serve(
        self, address: tuple[str, int] | str, options: dict[str, Any], static: bool
    ) -> None: ...
    def application(self, static: bool) -> WSGIApplication: ...
