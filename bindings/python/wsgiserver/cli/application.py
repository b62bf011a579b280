"""From ``module:app`` to the application."""

import ast
import importlib

from ..gateways import Gateway
from .errors import StartError

def load(spec):
    """The application, or a subclass of Gateway. Raises StartError."""
    name, _, expression = spec.partition(":")
    module = _import(name)
    if not expression:
        expression = "application" if hasattr(module, "application") else "app"
        if not hasattr(module, expression):
            raise StartError(f"module {name!r} has neither application nor app; name it: {name}:NAME")
    found = _evaluate(module, name, expression)
    if not callable(found):
        raise StartError(f"{name}:{expression} is not callable, but of type {type(found).__name__}")
    return found


def is_gateway(app):
    """Whether it is a Gateway, which answers without WSGI."""
    return isinstance(app, type) and issubclass(app, Gateway)


def _import(name):
    if not all(part.isidentifier() for part in name.split(".")):
        raise StartError(f"{name!r} is not the name of a module")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name + ".").startswith(error.name + "."):
            raise StartError(f"there is no module {error.name!r}") from None
        raise StartError(f"module {name!r} could not be loaded", error) from None
    except (Exception, SystemExit) as error:
        raise StartError(f"module {name!r} could not be loaded", error) from None


def _evaluate(module, name, expression):
    """A dotted name, maybe called with constants."""
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise StartError(f"{expression!r} is not a name, or the call of one") from None
    call = tree if isinstance(tree, ast.Call) else None
    found = _look_up(module, name, call.func if call else tree, expression)
    if call is None:
        return found
    try:
        arguments = [ast.literal_eval(argument) for argument in call.args]
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        raise StartError(f"the arguments in {expression!r} are not constants") from None
    if not callable(found):
        raise StartError(f"{name}:{ast.unparse(call.func)} is not callable")
    try:
        return found(*arguments, **named)
    except (Exception, SystemExit) as error:
        raise StartError(f"{name}:{expression} failed", error) from None


def _look_up(module, name, node, expression):
    if isinstance(node, ast.Name):
        owner, attribute = module, node.id
    elif isinstance(node, ast.Attribute):
        owner, attribute = _look_up(module, name, node.value, expression), node.attr
    else:
        raise StartError(f"{expression!r} is not a name, or the call of one")
    try:
        return getattr(owner, attribute)
    except AttributeError:
        where = f"module {name!r}" if owner is module else f"{name}:{ast.unparse(node.value)}"
        raise StartError(f"{where} has no attribute {attribute!r}") from None
