"""Generates paths of all kinds for a site's URLconf, and prints the views that Django resolves them to.

    resolve.py SITE SETTINGS SCRIPT_NAME COUNT SEED

Prints a line for each path: the request target, the view's name and its route, all in hexadecimal, separated by tabs.
Name and route are empty if no route matches. Targets may have any bytes that a request line can contain.
"""

import os
import random
import sys
import uuid
from urllib.parse import quote, unquote_to_bytes, urlsplit

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789/-_.%,$~ABCé٣²ß\u0301\u200d\u2028\u0130 \n\x1c"
ODD = [
    b"/", b"//", b"%2F", b"%2f%2F", b"%", b"%zz", b"%4", b"%00", b"%0A", b"%ff", b"%C3", b"%C3%28",
    b"%ED%A0%80", b"%F0%9F%98%80", b"%f0%9f", b"\xff", b"\xc3\xa9", b"\xe2\x82", b"?", b"#", b"?x=/a/",
    b"#/a?b", b"de/", b"en/", b"pt/", b"pt-br/", b"PT-BR/", b"zh-cn/", b"de-at/", b"DE/", b"de@x/",
    b"admin/", b"articles/", b"levels/", b"levels/a", b"prefix-open/", b"2020/", b"legacy/2001/",
    b"section-open/", b"feed-open/", b".json", b"-", b"long-open/", b"below-nothing/",
    b"dead", b"beef", b"..", b"./", b"%2e%2e/", b"+", b";x=1", b":", b"@", b"%D9%A3", b"%C2%B2",
]  # fmt: skip
FIXED = [
    b"*", b"http://shop.example.test/articles/", b"http://shop.example.test", b"x:/articles/",
    b"HTTPS://a@b:1//articles/", b"http://shop.example.test?/a", b"shop.example.test:443", b"/",
    b"//", b"///", b"//articles/", b"/articles//", b"/" + b"9" * 4300 + b"/", b"/articles/" + b"9" * 4300 + b"/",
    b"/articles/" + b"9" * 4301 + b"/", b"/levels/" + b"1" * 4300, b"/levels/" + b"1" * 4301 + b"b/",
    b"/levels/" + b"1" * 4299 + b"b/", b"/files/a%0Ab", b"/files/a%0A", b"/articles/%0A", b"/either%0A",
    b"/either", b"/or", b"/a-" + b"x" * 600 + b"/about/", b"/de-" + b"x" * 600 + b"/impressum/",
]  # fmt: skip


def main():
    site, settings, script_name, count, seed = sys.argv[1:]
    sys.path.insert(0, site)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    import django

    django.setup()
    rng = random.Random(int(seed))
    seeds = valid(rng)
    out = sys.stdout.buffer
    for number in range(int(count)):
        target = FIXED[number] if number < len(FIXED) else any_target(rng, seeds)
        if rng.random() < 0.9 and target.startswith(b"/"):
            target = script_name.encode() + target
        view, route = match_of(target, script_name)
        cells = [target, view.encode(), route.encode()]
        out.write("\t".join(cell.hex() for cell in cells).encode() + b"\n")


def match_of(target, script_name):
    """Resolves a target as the WSGI server, the locale middleware and the resolver do in turn."""
    from django.conf import settings
    from django.conf.urls.i18n import is_language_prefix_patterns_used
    from django.urls import Resolver404, resolve
    from django.utils import translation
    from django.utils.encoding import repercent_broken_unicode

    # As in gunicorn, two slashes at the beginning do not start an authority.
    text = target.decode("latin-1")
    path = urlsplit("." + text).path[1:] if text.startswith("//") else urlsplit(text).path
    raw = unquote_to_bytes(path.encode("latin-1"))
    if script_name:
        if raw != script_name.encode() and not raw.startswith(script_name.encode() + b"/"):
            return "", ""
        raw = raw[len(script_name) :]
    path = repercent_broken_unicode(raw).decode() or "/"
    language = translation.get_language_from_path(path)
    used, prefixed = is_language_prefix_patterns_used(settings.ROOT_URLCONF)
    if not used or prefixed:
        raise SystemExit("this site's languages depend on more than its paths")
    translation.activate(language or settings.LANGUAGE_CODE)
    try:
        match = resolve(path)
        return match.view_name, match.route
    except Resolver404:
        return "", ""


def any_target(rng, seeds):
    target = rng.choice(seeds)(rng)
    if rng.random() < 0.8:
        target = quote(target, safe=rng.choice(["/", "/:@,$~;=+", ""]) if rng.random() < 0.97 else "/").encode()
        if not target.startswith(b"/"):
            target = b"/" + target
    else:
        target = target.encode()
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3])):
        target = mutate(rng, target)
    # Blanks end the target, and servers refuse control characters.
    return bytes(byte for byte in target if byte > 0x20 and byte != 0x7F) or b"/"


def mutate(rng, target):
    at = rng.randrange(1, len(target) + 1)
    kind = rng.random()
    if kind < 0.3:
        return target[:at] + rng.choice(ODD) + target[at:]
    if kind < 0.5:
        return target[:at] + quote(rng.choice(ALPHABET)).encode() + target[at:]
    if kind < 0.7:
        return target[:at] + target[at + 1 :]
    if kind < 0.85:
        return target[:at] + quote(rng.choice(ALPHABET)).encode() + target[at + 1 :]
    if kind < 0.92:
        return target[:at]
    return target[:at] + target[rng.randrange(len(target)) :]


def valid(rng):
    """Returns functions that make valid paths, at least one for each route."""
    from django.urls import URLPattern, get_resolver
    from django.urls.resolvers import LocalePrefixPattern, RoutePattern

    makers = []

    def walk(patterns, prefixes):
        for pattern in patterns:
            piece = pattern.pattern
            if isinstance(piece, LocalePrefixPattern):
                own = [lambda rng: rng.choice(["", "de/", "pt-br/", "zh-hans/", "en/"])]
            elif isinstance(piece, RoutePattern):
                own = [lambda rng, piece=piece: fill(rng, str(piece._route), piece.converters)]
            else:
                own = [lambda rng, piece=piece: sample(rng, piece.regex.pattern)]
            if isinstance(pattern, URLPattern):
                parts = prefixes + own
                makers.append(lambda rng, parts=parts: "/" + "".join(part(rng) for part in parts))
            else:
                walk(pattern.url_patterns, prefixes + own)

    walk(get_resolver().url_patterns, [])
    # Translated routes, which the walk sees in one language only.
    makers += [lambda rng: rng.choice(["/impressum/", "/de/kontakt/", "/de/impressum/", "/en/imprint/"])] * 3
    return makers


def fill(rng, route, converters):
    from django.urls.resolvers import _PATH_PARAMETER_COMPONENT_RE

    def value(match):
        kind = type(converters[match["parameter"]]).__name__
        return {
            "IntConverter": lambda: str(rng.choice([0, 7, 2026, 10**12])),
            "StringConverter": lambda: rng.choice(["jane", "é", "a.b", "x-1", "a b", "٣"]),
            "SlugConverter": lambda: rng.choice(["a", "slug-17", "A_b", "7", "-"]),
            "UUIDConverter": lambda: str(uuid.UUID(int=rng.getrandbits(128))),
            "PathConverter": lambda: rng.choice(["a", "a/b.pdf", "a/edit/", "x//y", "a/b/c"]),
            "Hex4": lambda: rng.choice(["beef", "0000", "dead", "dea", "12345"]),
            "FormatSuffix": lambda: rng.choice([".json", ".api/", ".x7", ".JSON"]),
            "Words": lambda: rng.choice(["a", "a,b", "é,٣", "a,", ","]),
        }[kind]()

    return _PATH_PARAMETER_COMPONENT_RE.sub(value, route)


def sample(rng, expression):
    """Returns a text that an expression matches in most cases."""
    try:
        from re import _constants as kinds
        from re import _parser as parser
    except ImportError:
        import sre_constants as kinds
        import sre_parse as parser

    def of(parts, groups):
        text = ""
        for kind, value in parts:
            if kind is kinds.LITERAL:
                text += chr(value)
            elif kind is kinds.ANY:
                text += rng.choice("ab/é.")
            elif kind is kinds.IN:
                text += member(value)
            elif kind is kinds.BRANCH:
                text += of(rng.choice(value[1]), groups)
            elif kind is kinds.SUBPATTERN:
                groups[value[0]] = of(value[3], groups)
                text += groups[value[0]]
            elif kind is kinds.GROUPREF:
                text += groups.get(value, "")
            elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
                least, most, inner = value
                for _ in range(rng.randint(least, min(int(most), least + 3))):
                    text += of(inner, groups)
        return text

    def member(items):
        is_negated = items[0][0] is kinds.NEGATE
        if is_negated:
            return rng.choice("abé7-")
        kind, value = rng.choice(items)
        if kind is kinds.RANGE:
            return chr(rng.randint(*value))
        if kind is kinds.CATEGORY:
            return rng.choice("a7٣é_ \u2003")
        return chr(value)

    return of(parser.parse(expression), {})


main()
