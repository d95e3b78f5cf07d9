/* abi_print.c: see abi_print.h. */
#include "tools/abi_print.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX 65536

const char *abi_folder;

_Noreturn void abi_give_up(const char *what, const char *which)
{
    fprintf(stderr, "abi_doc: %s: %s\n", what, which);
    exit(1);
}

/* The text of a header of abi/; the one read last is kept. */
static const char *header_text(const char *name)
{
    static char text[HEADER_BYTES_MAX];
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", abi_folder, name) >= sizeof path)
        abi_give_up("path too long", name);
    FILE *file = fopen(path, "re");
    if (!file)
        abi_give_up("cannot open", path);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    if (!feof(file))
        abi_give_up("longer than HEADER_BYTES_MAX", path);
    text[bytes] = 0;
    fclose(file);
    return text;
}

/* The opening comment without its stars, as a quoted block. */
void abi_print_opening(const char *header)
{
    const char *at = strstr(header_text(header), "/*");
    const char *end = at ? strstr(at, "*/") : NULL;
    if (!end)
        abi_give_up("has no opening comment", header);
    printf("```text\n");
    at += 2 + strspn(at + 2, "\n");
    while (at < end) {
        size_t line = strcspn(at, "\n");
        const char *stop = at + line < end ? at + line : end;
        while (at < stop && (*at == ' ' || *at == '*') && (at[0] == ' ' ? at[1] == '*' : 1))
            at++;
        if (at < stop && *at == ' ')
            at++;
        while (stop > at && isspace((unsigned char)stop[-1]))
            stop--;
        if (stop > at || end - at > 1)
            printf("%.*s\n", (int)(stop - at), at);
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    printf("```\n\n");
}

/* A cell of a table: white space as one blank, the bar escaped. */
void abi_print_cell(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (isspace((unsigned char)text[i]) && (i + 1 == bytes || isspace((unsigned char)text[i + 1])))
            continue;
        if (text[i] == '|')
            putchar('\\');
        putchar(isspace((unsigned char)text[i]) ? ' ' : text[i]);
    }
}

/* Where `member;` or `member[…];` stands in a struct's body. */
static const char *find_member(const char *body, const char *end, const char *member)
{
    size_t length = strlen(member);
    for (const char *at = body; (at = strstr(at, member)) && at < end; at += length)
        if (at[-1] == ' ' && (at[length] == ';' || at[length] == '['))
            return at;
    abi_give_up("member not in its header", member);
}

/* Two cells: the declaration, and the comment right behind it if there is one. */
static void print_declaration(const char *at)
{
    const char *line = at;
    while (line[-1] != '\n')
        line--;
    const char *semicolon = at + strcspn(at, ";");
    line += strspn(line, " ");
    printf("`%.*s` | ", (int)(semicolon - line), line);
    const char *comment = semicolon + 1 + strspn(semicolon + 1, " ");
    const char *close = strstr(comment, "*/");
    if (strncmp(comment, "/*", 2) != 0 || !close)
        return;
    comment += 2 + strspn(comment + 2, " ");
    while (close > comment && close[-1] == ' ')
        close--;
    abi_print_cell(comment, (size_t)(close - comment));
}

/* A table of a struct; its members must cover it without a gap. */
void abi_print_struct(const char *header, const char *name, size_t bytes,
                             const struct abi_member *member, size_t count)
{
    char opening[64];
    (void)snprintf(opening, sizeof opening, "struct %s {", name);
    const char *body = strstr(header_text(header), opening);
    const char *end = body ? strstr(body, "\n};") : NULL;
    if (!end)
        abi_give_up("struct not in its header", name);
    printf("`struct %s`, %zu bytes\n\n| offset | member | meaning |\n|---|---|---|\n", name, bytes);
    size_t covered = 0;
    for (size_t i = 0; i < count; i++) {
        if (member[i].offset != covered)
            abi_give_up("a member before this one is missing", member[i].name);
        covered += member[i].bytes;
        printf("| %zu | ", member[i].offset);
        print_declaration(find_member(body, end, member[i].name));
        printf(" |\n");
    }
    if (covered != bytes)
        abi_give_up("last members are missing", name);
    printf("\n");
}
