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

A branch that cannot be dumped is left out: `{"lost": route, "reason": ...}`. One whose patterns may match
otherwise than dumped is announced by `{"inexact": route, "reason": ...}`. The last line is
`{"end": number of lines between the first and this one}`: a dump without it is cut off.
"""

import json
import operator
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
VERSION = 2

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
        self.walk(self.resolver, [], [], "", self.languages, [])

    def walk(self, resolver, chain, namespaces, route, languages, above):
        """Adds the routes of a resolver, which exist in `languages`. `above`: the lists that lead to it."""
        # A resolver may have other patterns in each language, as those of a CMS's apphooks.
        found = variants(lambda: resolver.url_patterns, languages, are_same_patterns)
        for patterns, spoken in found:
            if isinstance(patterns, Failed):
                self.lose(route, patterns.reason, spoken)
            elif any(patterns is known for known in above):
                self.lose(route, "includes itself: deeper levels are left out", spoken)
            else:
                for pattern in patterns:
                    self.branch(pattern, chain, namespaces, route, spoken, [*above, patterns])

    def branch(self, pattern, chain, namespaces, route, languages, above):
        """Adds the routes of one pattern."""
        is_end = isinstance(pattern, URLPattern)
        found = variants(lambda: self.level(pattern.pattern, is_end), languages, lambda one, other: one == other)
        for level, spoken in found:
            with translation.override(spoken[0]):
                shown = joined(route, shown_text(pattern))
                if isinstance(level, Failed):
                    self.lose(shown, level.reason, spoken)
                    continue
                match = overridden_match(pattern.pattern)
                if match:
                    self.add_line({"inexact": shown, "reason": match}, spoken)
                try:
                    below = [*chain, level]
                    if is_end:
                        self.add(pattern, below, namespaces, shown, spoken)
                    else:
                        namespace = getattr(pattern, "namespace", None)
                        names = [*namespaces, namespace] if namespace else namespaces
                        self.walk(pattern, below, names, shown, spoken, above)
                except Exception as error:  # noqa: BLE001 - the code of a site may raise anything.
                    self.lose(shown, reason_of(error), spoken)

    def add(self, pattern, chain, namespaces, shown, languages):
        match = ResolverMatch(pattern.callback, (), {}, pattern.name, namespaces=namespaces)
        self.add_line({"chain": chain, "view": match.view_name, "route": shown}, languages)

    def lose(self, shown, reason, languages):
        self.add_line({"lost": shown, "reason": reason}, languages)

    def add_line(self, line, languages):
        if languages != self.languages:
            line["languages"] = languages
        json.dumps(line)  # Raises if a site's own class returned something else than text.
        self.routes.append(line)

    def level(self, pattern, is_end):
        if isinstance(pattern, LocalePrefixPattern):
            return ["lit", str(pattern.language_prefix), {}]
        if isinstance(pattern, RoutePattern):
            if not pattern.converters:
                return ["lit-end" if is_end else "lit", str(pattern._route), {}]
            names = {key: self.converter(value) for key, value in pattern.converters.items()}
            return ["re", pattern.regex.pattern, names]
        if isinstance(pattern, RegexPattern):
            expression = pattern.regex.pattern
            return ["re-end$" if is_end and expression.endswith("$") else "re", expression, {}]
        raise TypeError(f"the pattern class {name_of(type(pattern))} is not derived from one of Django's")

    def converter(self, converter):
        kind = type(converter)
        if kind in BUILT_IN:
            return BUILT_IN[kind]
        name = name_of(kind)
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
        yield {"end": len(self.routes)}

    def language_otherwise(self):
        """Returns the language of paths without a prefix, or None if a cookie or a header decides."""
        if len(self.languages) == 1:
            return self.languages[0]
        for pattern in self.resolver.url_patterns:
            if isinstance(getattr(pattern, "pattern", None), LocalePrefixPattern):
                is_prefixed = pattern.pattern.prefix_default_language
                return None if is_prefixed else default_language()
        return None


class Failed:
    """The result of a site's code that raised an exception."""

    def __init__(self, error):
        self.reason = reason_of(error)


def variants(make, languages, are_equal):
    """Returns what `make` returns, with the languages in which it returns that."""
    found = []
    for language in languages:
        with translation.override(language):
            try:
                value = make()
            except Exception as error:  # noqa: BLE001 - the code of a site may raise anything.
                value = Failed(error)
        for known, spoken in found:
            failed = [isinstance(one, Failed) for one in (known, value)]
            if known.reason == value.reason if all(failed) else not any(failed) and are_equal(known, value):
                spoken.append(language)
                break
        else:
            found.append((value, [language]))
    return found


def are_same_patterns(one, other):
    return len(one) == len(other) and all(map(operator.is_, one, other))


def joined(route, text):
    """Joins a route as Django does for `resolver_match.route`: without the `^` of what is included."""
    return route + text[1:] if route and text.startswith("^") else route + text


def shown_text(pattern):
    try:
        return str(pattern.pattern)
    except Exception as error:  # noqa: BLE001 - the code of a site may raise anything.
        return f"<{reason_of(error)}>"


def reason_of(error):
    return f"{type(error).__name__}: {error}" if not isinstance(error, TypeError) else str(error)


def name_of(kind):
    return f"{kind.__module__}.{kind.__qualname__}"


def overridden_match(pattern):
    """Returns a reason if a class of the site's own decides what the pattern matches."""
    for kind in (LocalePrefixPattern, RoutePattern, RegexPattern):
        if isinstance(pattern, kind):
            if type(pattern).match is not kind.match:
                return f"{name_of(type(pattern))} has its own match(); the pattern is dumped as one of Django's"
            return None
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
