"""Draws charts of cost as SVG: lines over two logarithmic axes."""

from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 40, 50
COLOURS = ("#0b6e4f", "#c1440e", "#33539e", "#7d5ba6", "#6b7280")


def decades(values):
    """Returns the powers of ten around positive values, at least two."""
    first, last = floor(log10(min(values))), ceil(log10(max(values)))
    return [10.0**exponent for exponent in range(first, max(last, first + 1) + 1)]


def text(value):
    """Writes a tick's number without an exponent."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def chart(title, across, up, lines):
    """Returns a chart. `lines` maps names to lists of points, whose coordinates are positive."""
    points = [point for line in lines.values() for point in line]
    columns, rows = decades([x for x, _ in points]), decades([y for _, y in points])

    def place(value, ticks, start, length):
        share = (log10(value) - log10(ticks[0])) / (log10(ticks[-1]) - log10(ticks[0]))
        return start + share * length

    def x_of(value):
        return place(value, columns, LEFT, WIDTH - LEFT - RIGHT)

    def y_of(value):
        return place(value, rows, HEIGHT - BOTTOM, TOP + BOTTOM - HEIGHT)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}</text>',
    ]
    for value in columns:
        x = x_of(value)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text(value)}</text>')
    for value in rows:
        y = y_of(value)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text(value)}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>')
    out.append(
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
    )
    for (name, line), colour in zip(lines.items(), COLOURS):
        path = "L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in line)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        x, y = line[-1]
        out.append(f'<text x="{x_of(x) + 10:.1f}" y="{y_of(y) + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*out, "</svg>", ""])
