"""A Django site in one file, to try the exporter on: quick views, a slow one, and one that fails."""

import time

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path


def view_name(get_response):
    """Names the view in a response header, for the servers' logs."""

    def middleware(request):
        response = get_response(request)
        match = request.resolver_match
        if match is not None:
            response["X-View-Name"] = match.view_name
        return response

    return middleware


def home(request):
    return HttpResponse("The shop.\n")


def article(request, number):
    return HttpResponse(f"Article {number}.\n")


def slow(request):
    time.sleep(0.5)
    return HttpResponse("At last.\n")


def broken(request):
    raise RuntimeError("this view always fails")


urlpatterns = [
    path("", home, name="home"),
    path("articles/<int:number>/", article, name="article"),
    path("slow/", slow, name="slow"),
    path("broken/", broken, name="broken"),
]

# Without sessions, database and forms, nothing is signed with the key.
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=["shop.view_name"],
    ROOT_URLCONF="shop",
    SECRET_KEY="not a secret",
)
application = get_wsgi_application()
