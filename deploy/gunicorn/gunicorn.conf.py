"""Access log in the format of the exporter's preset `gunicorn-django`; add to your gunicorn.conf.py."""

accesslog = "/var/log/gunicorn/access.log"
access_log_format = (
    '%(h)s %(l)s - %(t)s "%(r)s" %(s)s %(B)s "%(f)s" "%(a)s" rt=%(L)s pid=%(p)s '
    'host="%({host}i)s" scheme=%({wsgi.url_scheme}e)s cl=%({content-length}i)s '
    'rid=%({x-request-id}i)s view="%({x-view-name}o)s"'
)
