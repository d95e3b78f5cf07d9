/* svg.c: https://www.w3.org/TR/SVG11/. */
#include "bench/plot/svg.h"

#include <string.h>

#include "image/pack.h"

/* Series: Okabe and Ito's palette, which people who see colours differently tell apart. */
static const char style[] =
    ".back{fill:#fff}.frame{fill:none;stroke:#8a8f98}.grid{stroke:#e3e6ea}.fine{stroke:#f1f3f5}"
    ".axis{stroke:#8a8f98}"
    "text{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#1c2026}"
    "text.title{font-size:18px;font-weight:600}text.head{font-weight:600}"
    "text.muted{fill:#5c6570}text.small{font-size:12px;fill:#5c6570}"
    "path{fill:none;stroke-width:2;stroke-linejoin:round}.dashed{stroke-dasharray:7 4}"
    ".dotted{stroke-dasharray:2 4;stroke-linecap:round}"
    ".whisker{stroke-width:1.5;opacity:.75}.mark{stroke-width:2}.hollow{fill:#fff}"
    ".s0{stroke:#0072b2}.f0{fill:#0072b2}.s1{stroke:#d55e00}.f1{fill:#d55e00}"
    ".s2{stroke:#009e73}.f2{fill:#009e73}.s3{stroke:#b0528a}.f3{fill:#b0528a}"
    ".s4{stroke:#6b7280}.f4{fill:#6b7280}.s5{stroke:#8a6d00}.f5{fill:#8a6d00}"
    ".s6{stroke:#4a47a3}.f6{fill:#4a47a3}.s7{stroke:#a11d33}.f7{fill:#a11d33}"
    ".s8{stroke:#5b8c1a}.f8{fill:#5b8c1a}"
    "@media (prefers-color-scheme:dark){"
    ".back{fill:#14171c}.frame,.axis{stroke:#7d858f}.grid{stroke:#2b3038}.fine{stroke:#1f232a}"
    "text{fill:#e8eaed}text.muted,text.small{fill:#a3abb5}.hollow{fill:#14171c}"
    ".s0{stroke:#56b4e9}.f0{fill:#56b4e9}.s1{stroke:#ff8c42}.f1{fill:#ff8c42}"
    ".s2{stroke:#2fc79a}.f2{fill:#2fc79a}.s3{stroke:#e08bbd}.f3{fill:#e08bbd}"
    ".s4{stroke:#a0a8b3}.f4{fill:#a0a8b3}.s5{stroke:#d9b83b}.f5{fill:#d9b83b}"
    ".s6{stroke:#9a97f0}.f6{fill:#9a97f0}.s7{stroke:#f07a8c}.f7{fill:#f07a8c}"
    ".s8{stroke:#a5d65a}.f8{fill:#a5d65a}}";

/* Formatted, and the first failure kept. */
#define PUT(svg, ...)                                        \
    do {                                                     \
        if (!(svg)->err)                                     \
            (svg)->err = mf_buf_printf(&(svg)->text, __VA_ARGS__); \
    } while (0)

/* Character data and attribute values alike. What XML does not allow becomes "?". */
static void put_escaped(struct svg *svg, const char *text)
{
    static const struct {
        char character;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (; *text; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
            if (*text == entities[i].character)
                entity = entities[i].entity;
        char one[2] = {*text, 0};
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            one[0] = '?';
        PUT(svg, "%s", entity ? entity : one);
    }
}

void svg_open(struct svg *svg, double width, double height, const char *title)
{
    *svg = (struct svg){.err = MF_OK};
    PUT(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
        "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>",
        width, height, width, height);
    put_escaped(svg, title);
    PUT(svg, "</title>\n<style>%s</style>\n", style);
    svg_rect(svg, "back", 0, 0, width, height);
}

mf_err svg_close(struct svg *svg, const char *path, struct mf_why *why)
{
    PUT(svg, "</svg>\n");
    mf_err err = svg->err ? svg->err : pack_write_file(path, &svg->text, why);
    mf_buf_close(&svg->text);
    return err;
}

void svg_line(struct svg *svg, const char *class, double x1, double y1, double x2, double y2)
{
    PUT(svg, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1,
        y1, x2, y2);
}

void svg_rect(struct svg *svg, const char *class, double x, double y, double width, double height)
{
    PUT(svg, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class,
        x, y, width, height);
}

void svg_text(struct svg *svg, const char *class, enum svg_anchor anchor, double x, double y,
              const char *text)
{
    static const char *const anchors[] = {
        [SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end"};
    PUT(svg, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", class,
        anchors[anchor], x, y);
    put_escaped(svg, text);
    PUT(svg, "</text>\n");
}

void svg_text_up(struct svg *svg, const char *class, double x, double y, const char *text)
{
    PUT(svg,
        "<text class=\"%s\" text-anchor=\"middle\" transform=\"translate(%.1f %.1f) rotate(-90)\">",
        class, x, y);
    put_escaped(svg, text);
    PUT(svg, "</text>\n");
}

void svg_mark(struct svg *svg, unsigned colour, bool hollow, double x, double y)
{
    if (hollow)
        PUT(svg, "<circle class=\"mark hollow s%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>\n",
            colour % SVG_COLOURS, x, y);
    else
        PUT(svg, "<circle class=\"f%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
            colour % SVG_COLOURS, x, y);
}

void svg_bar(struct svg *svg, unsigned colour, double x, double y, double width, double height)
{
    PUT(svg, "<rect class=\"f%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
        colour % SVG_COLOURS, x, y, width, height);
}

void svg_whisker(struct svg *svg, unsigned colour, double x1, double y1, double x2, double y2)
{
    PUT(svg, "<line class=\"whisker s%u\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
        colour % SVG_COLOURS, x1, y1, x2, y2);
}

void svg_path_begin(struct svg *svg, unsigned colour, enum svg_stroke stroke)
{
    static const char *const strokes[] = {
        [SVG_SOLID] = "", [SVG_DASHED] = " dashed", [SVG_DOTTED] = " dotted"};
    PUT(svg, "<path class=\"s%u%s\" d=\"", colour % SVG_COLOURS, strokes[stroke]);
}

void svg_path_point(struct svg *svg, bool first, double x, double y)
{
    PUT(svg, "%s%.1f %.1f", first ? "M" : "L", x, y);
}

void svg_path_end(struct svg *svg)
{
    PUT(svg, "\"/>\n");
}
