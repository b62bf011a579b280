"""Which of the application's files has changed."""

import os
import sys
import sysconfig
import threading
import time

INTERVAL = 0.3

# What is installed with Python does not change while an application is worked on.
_FIXED = tuple(
    path + os.sep for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")) if path
)


class Watcher:
    """Looks at the files of all loaded modules, from when it was made."""

    def __init__(self):
        self._since = time.time_ns()
        self._seen = {}
        self._further = set()

    def start(self, changed):
        """Has ``changed`` called with the path of the first file that changes, by a thread."""
        threading.Thread(target=self._watch, args=(changed,), daemon=True, name="reload").start()

    def add_files_of(self, error):
        """Watches the files that an error comes from as well: a module that could not be loaded is
        not among the loaded ones."""
        while error is not None:
            if isinstance(error, SyntaxError) and error.filename:
                self._further.add(error.filename)
            part = error.__traceback__
            while part is not None:
                self._further.add(part.tb_frame.f_code.co_filename)
                part = part.tb_next
            error = error.__cause__ or error.__context__

    def _watch(self, changed):
        while True:
            for path in self._files():
                if self._has_changed(path):
                    return changed(path)
            time.sleep(INTERVAL)

    def _files(self):
        loaded = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        paths = {path for path in loaded if isinstance(path, str)} | self._further
        return [path for path in paths if path.endswith(".py") and not path.startswith(_FIXED)]

    def _has_changed(self, path):
        try:
            modified = os.stat(path).st_mtime_ns
        except OSError:  # an editor is about to put another file there
            return False
        before = self._seen.get(path)
        if before is None:  # it may have changed since it was loaded
            self._seen[path] = modified
            return self._since < modified <= time.time_ns()
        return modified != before
