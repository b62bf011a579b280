"""Django: put ``"wsgiserver.frameworks.django"`` into INSTALLED_APPS, then

    python manage.py runwsgiserver 127.0.0.1:8000 --threads 20

serves the site as ``runserver`` does, with autoreload and static files, but by this server.
"""
