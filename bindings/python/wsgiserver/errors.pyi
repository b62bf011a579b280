from ._wsgiserver import MaxSizeExceeded as MaxSizeExceeded

__all__ = [
    "FatalSSLAlert",
    "MaxSizeExceeded",
    "NoEffectWarning",
    "NoSSLError",
    "acceptable_sock_shutdown_error_codes",
    "acceptable_sock_shutdown_exceptions",
    "plat_specific_errors",
    "socket_error_eintr",
    "socket_errors_nonblocking",
    "socket_errors_to_ignore",
]

class NoSSLError(Exception): ...
class FatalSSLAlert(Exception): ...
class NoEffectWarning(UserWarning): ...

def plat_specific_errors(*names: str) -> list[int]: ...

socket_error_eintr: list[int]
socket_errors_to_ignore: list[int | str]
socket_errors_nonblocking: list[int]
acceptable_sock_shutdown_error_codes: set[int]
acceptable_sock_shutdown_exceptions: tuple[type[BrokenPipeError], type[ConnectionResetError]]
