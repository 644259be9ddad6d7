"""Dumps the URLconf of a Django site, so that httplog-exporter can resolve logged paths to views.

    python manage.py shell < dump_urlconf.py > urlconf.jsonl

or, copied to `management/commands/` of an installed app: `python manage.py dump_urlconf`. Requires
only Django, 3.2 to 5.2, and makes no database queries. Generate the dump with each deployment.

The first line is an object: format and version, languages, script name, and the converters whose
`to_python` may raise `ValueError`, which a dump cannot express. Each further line is a route, in the
order in which Django tries them:

    {"chain": [[kind, pattern, {parameter: converter}], ...], "view": ..., "route": ...}

A chain is matched from left to right, each pattern on the remainder of the path, without
backtracking. Kinds: `lit`, the path starts with the text; `lit-end`, it equals the text; `re`,
`re.search` matches; `re-end$`, `re.fullmatch` matches. A route with `languages` exists in these
languages only.
"""

import json
import sys

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import converters, get_resolver
from django.urls.resolvers import (
    LocalePrefixPattern,
    RegexPattern,
    ResolverMatch,
    RoutePattern,
    URLPattern,
)
from django.utils import translation
from django.utils.module_loading import import_string

FORMAT = "httplog-exporter urlconf"
VERSION = 1

BUILT_IN = {
    converters.IntConverter: "int",
    converters.StringConverter: "str",
    converters.SlugConverter: "slug",
    converters.UUIDConverter: "uuid",
    converters.PathConverter: "path",
}


class Dump:
    """All routes of a site."""

    def __init__(self):
        self.resolver = get_resolver()
        self.codes = languages_in_use()
        # The default language first: its translation is shown for routes of several languages.
        self.languages = sorted(self.codes, key=lambda code: code != default_language())
        self.refusing = set()
        self.routes = []
        self.walk(self.resolver.url_patterns, [], [], "", self.languages)

    def walk(self, patterns, chain, namespaces, route, languages):
        """Adds the routes under these patterns, which exist in `languages`."""
        for pattern in patterns:
            is_end = isinstance(pattern, URLPattern)
            for level, spoken in self.levels(pattern.pattern, is_end, languages):
                with translation.override(spoken[0]):
                    shown = route + str(pattern.pattern)
                    below = [*chain, level]
                    if is_end:
                        self.add(pattern, below, namespaces, shown, spoken)
                    else:
                        namespace = getattr(pattern, "namespace", None)
                        names = [*namespaces, namespace] if namespace else namespaces
                        self.walk(pattern.url_patterns, below, names, shown, spoken)

    def add(self, pattern, chain, namespaces, shown, languages):
        match = ResolverMatch(pattern.callback, (), {}, pattern.name, namespaces=namespaces)
        line = {"chain": chain, "view": match.view_name, "route": shown}
        if languages != self.languages:
            line["languages"] = languages
        self.routes.append(line)

    def levels(self, pattern, is_end, languages):
        """Returns the levels of a pattern with their languages, one per translation."""
        found = []
        for language in languages:
            with translation.override(language):
                level = self.level(pattern, is_end)
            for known, spoken in found:
                if known == level:
                    spoken.append(language)
                    break
            else:
                found.append((level, [language]))
        return found

    def level(self, pattern, is_end):
        if isinstance(pattern, LocalePrefixPattern):
            return ["lit", pattern.language_prefix, {}]
        if isinstance(pattern, RoutePattern):
            if not pattern.converters:
                return ["lit-end" if is_end else "lit", str(pattern._route), {}]
            names = {key: self.converter(value) for key, value in pattern.converters.items()}
            return ["re", pattern.regex.pattern, names]
        if isinstance(pattern, RegexPattern):
            expression = pattern.regex.pattern
            return ["re-end$" if is_end and expression.endswith("$") else "re", expression, {}]
        raise TypeError(f"unsupported pattern class: {type(pattern)!r}")

    def converter(self, converter):
        kind = type(converter)
        if kind in BUILT_IN:
            return BUILT_IN[kind]
        name = f"{kind.__module__}.{kind.__qualname__}"
        if getattr(kind, "to_python", None) is not converters.StringConverter.to_python:
            self.refusing.add(name)
        return name

    def lines(self):
        yield {
            "format": FORMAT,
            "version": VERSION,
            "django": django_version(),
            "script_name": settings.FORCE_SCRIPT_NAME,
            "languages": self.codes,
            "otherwise": self.language_otherwise(),
            "fallbacks": fallbacks(),
            "int_digits": int_digits(),
            "refusing": sorted(self.refusing),
        }
        yield from self.routes

    def language_otherwise(self):
        """Returns the language of paths without a prefix, or None if a cookie or a header decides."""
        if len(self.languages) == 1:
            return self.languages[0]
        for pattern in self.resolver.url_patterns:
            if isinstance(pattern.pattern, LocalePrefixPattern):
                is_prefixed = pattern.pattern.prefix_default_language
                return None if is_prefixed else default_language()
        return None


def django_version():
    from django import get_version

    return get_version()


def default_language():
    with translation.override(settings.LANGUAGE_CODE):
        return translation.get_language()


def languages_in_use():
    """Returns the languages that a path can select, in the order of LANGUAGES, and the default."""
    default = default_language()
    if not settings.USE_I18N or not has_locale_middleware():
        return [default]
    codes = [code for code, _ in settings.LANGUAGES if translation.check_for_language(code)]
    return codes if default in codes else [*codes, default]


def has_locale_middleware():
    from django.middleware.locale import LocaleMiddleware

    for path in settings.MIDDLEWARE:
        kind = import_string(path)
        if isinstance(kind, type) and issubclass(kind, LocaleMiddleware):
            return True
    return False


def fallbacks():
    """Returns the languages that serve other codes, as `zh-hans` does for `zh-cn`."""
    from django.conf.locale import LANG_INFO

    return {code: info["fallback"] for code, info in LANG_INFO.items() if "fallback" in info}


def int_digits():
    """Returns the largest number of digits that `int()` accepts, 0 for no limit."""
    return getattr(sys, "get_int_max_str_digits", lambda: 0)()


class Command(BaseCommand):
    help = "Dumps the URLconf for httplog-exporter."
    requires_system_checks = []

    def handle(self, *args, **options):
        for line in Dump().lines():
            self.stdout.write(json.dumps(line))


# Piped into `manage.py shell`, this file runs in the shell's namespace.
if __name__ in ("__main__", "builtins") or __name__.startswith("django.core.management"):
    Command().handle()
