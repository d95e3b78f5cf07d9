/* test_plot.c: ticks and places of axes, numbers, escaping, and pictures of odd rows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/plot/axis.h"
#include "bench/plot/chart.h"
#include "bench/plot/plot.h"
#include "bench/plot/plot_rows.h"
#include "in_scratch.h"

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6 * (fabs(a) + fabs(b) + 1);
}

static void logarithmic_axes_end_at_one_two_or_five(void **state)
{
    (void)state;
    static const struct {
        double low, high, from, to;
    } cases[] = {
        {0.21, 480, 0.2, 500}, {1, 1000, 1, 1000},   {3, 7, 2, 10},
        {5, 5, 5, 10},         {0.999, 1.001, 0.5, 2}, {-3, 40, 20, 50},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct axis axis = axis_around(true, cases[i].low, cases[i].high, 0, 100);
        if (cases[i].low > 0) {
            assert_true(near(axis.low, cases[i].from));
            assert_true(near(axis.high, cases[i].to));
        }
        assert_true(axis.low > 0 && axis.low < axis.high && axis.high >= cases[i].high);
    }
}

static void axes_without_values_are_axes(void **state)
{
    (void)state;
    for (int log = 0; log < 2; log++) {
        struct axis axis = axis_around(log, INFINITY, -INFINITY, 0, 100);
        struct tick ticks[AXIS_TICKS_MAX];
        assert_true(axis.low < axis.high);
        assert_true(axis_ticks(&axis, 10, ticks) >= 2);
    }
}

static void linear_axes_start_at_zero_and_have_round_steps(void **state)
{
    (void)state;
    struct tick ticks[AXIS_TICKS_MAX];
    struct axis axis = axis_around(false, 10, 97, 50, 250);
    size_t count = axis_ticks(&axis, 1, ticks);
    assert_true(axis.low == 0 && near(axis.high, 100));
    assert_int_equal(count, 6);
    assert_string_equal(ticks[1].label, "20");
    assert_true(near(axis_at(&axis, 0), 50) && near(axis_at(&axis, 100), 250));
    assert_true(near(axis_at(&axis, 50), 150));
}

static void values_outside_are_put_at_the_edge(void **state)
{
    (void)state;
    struct axis axis = axis_around(true, 1, 100, 300, 100); /* upwards, as y is */
    assert_true(near(axis_at(&axis, 0.001), 300) && near(axis_at(&axis, 1e9), 100));
    assert_true(near(axis_at(&axis, 10), 200));
    assert_true(near(axis_at(&axis, 0), 300) && near(axis_at(&axis, -5), 300));
}

static void logarithmic_ticks_are_at_one_two_five_and_labels_keep_apart(void **state)
{
    (void)state;
    struct tick ticks[AXIS_TICKS_MAX];
    struct axis wide = axis_around(true, 1, 100, 0, 1000), narrow = wide;
    narrow.to_px = 50;
    size_t count = axis_ticks(&wide, 40, ticks);
    static const double values[] = {1, 2, 5, 10, 20, 50, 100};
    assert_int_equal(count, 7);
    for (size_t i = 0; i < count; i++) {
        assert_true(near(ticks[i].value, values[i]));
        assert_true(ticks[i].major);
    }
    assert_int_equal(axis_ticks(&narrow, 40, ticks), 7);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ticks[i].major, i % 3 == 0);
}

static void more_decades_than_ticks_stay_in_bounds(void **state)
{
    (void)state;
    struct tick ticks[AXIS_TICKS_MAX];
    struct axis axis = axis_around(true, 1e-100, 1e100, 0, 1000);
    assert_true(axis_ticks(&axis, 1, ticks) <= AXIS_TICKS_MAX);
}

static void numbers_are_short_and_grouped(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},        {0.25, "0.25"}, {0.4789, "0.479"}, {1, "1"},
                 {2.5, "2.5"},    {31.44, "31.4"}, {999, "999"},      {1000, "1,000"},
                 {12345, "12,345"}, {1234567, "1,234,567"}, {-1500, "-1,500"}, {-150, "-150"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[AXIS_LABEL_BYTES];
        axis_number(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
    char longest[AXIS_LABEL_BYTES];
    axis_number(-999999999999.0, longest);
    assert_string_equal(longest, "-999,999,999,999");
}

static void text_cannot_leave_its_element(void **state)
{
    (void)state;
    struct svg svg;
    svg_open(&svg, 10, 10, "<script>\"&'\x01");
    svg_text(&svg, "", SVG_START, 1, 1, "</text><script>alert(1)</script>");
    assert_int_equal(svg_close(&svg, in_scratch("escaped.svg"), NULL), MF_OK);
    struct mf_buf text = read_file("escaped.svg");
    assert_null(strstr((char *)text.data, "<script"));
    assert_non_null(strstr((char *)text.data, "<title>&lt;script&gt;&quot;&amp;&#39;?</title>"));
    assert_non_null(strstr((char *)text.data, "&lt;/text&gt;&lt;script&gt;alert(1)"));
    mf_buf_close(&text);
}

static json_t *rows_of(const char *text)
{
    json_t *rows = json_loads(text, 0, NULL);
    assert_non_null(rows);
    return rows;
}

static void points_are_ordered_scaled_and_of_their_subject(void **state)
{
    (void)state;
    struct series series;
    json_t *rows = rows_of(
        "[{\"bench\":\"b\",\"subject\":\"runc\",\"metric\":\"m@64\",\"p50\":6400,\"min\":1000,\"max\":9000},"
        "{\"bench\":\"b\",\"subject\":\"runc\",\"metric\":\"m@8\",\"p50\":800,\"min\":800,\"max\":800},"
        "{\"bench\":\"b\",\"subject\":\"runc\",\"metric\":\"m\",\"p50\":1},"
        "{\"bench\":\"b\",\"subject\":\"runc\",\"metric\":\"mm@1\",\"p50\":1},"
        "{\"bench\":\"b\",\"subject\":\"runsc\",\"metric\":\"m@1\",\"p50\":1}]");
    plot_series(rows, "b", "runc", "m", 0.001, true, &series);
    assert_int_equal(series.count, 2);
    assert_true(near(series.point[0].x, 8) && near(series.point[0].y, 0.8));
    assert_true(near(series.point[1].x, 64) && near(series.point[1].low, 1) &&
                near(series.point[1].high, 9));
    json_decref(rows);
}

static void an_alias_is_no_subject_of_its_own(void **state)
{
    (void)state;
    struct plot_subjects subjects;
    json_t *rows = rows_of(
        "[{\"bench\":\"b\",\"subject\":\"mayfly/kvm\",\"metric\":\"m\",\"p50\":1,\"min\":1,\"max\":2},"
        "{\"bench\":\"b\",\"subject\":\"mayfly/kvm:reset\",\"metric\":\"m\",\"p50\":1,\"min\":1,\"max\":2},"
        "{\"bench\":\"b\",\"subject\":\"mayfly/kvm:reuse\",\"metric\":\"m\",\"p50\":0.5,\"min\":1,\"max\":2},"
        "{\"bench\":\"c\",\"subject\":\"runc\",\"metric\":\"m\",\"p50\":1,\"min\":1,\"max\":2}]");
    plot_subjects(rows, "b", &subjects);
    assert_int_equal(subjects.count, 2);
    assert_string_equal(subjects.name[0], "mayfly/kvm");
    assert_string_equal(subjects.name[1], "mayfly/kvm:reuse");
    assert_int_equal(plot_colour("mayfly/kvm:reuse"), plot_colour("mayfly/kvm"));
    assert_int_not_equal(plot_stroke("mayfly/kvm:reuse"), plot_stroke("mayfly/kvm"));
    json_decref(rows);
}

static void count_drawn(void *context, const char *path)
{
    assert_int_equal(access(path, R_OK), 0);
    ++*(int *)context;
}

static void strange_rows_are_passed_over(void **state)
{
    (void)state;
    int drawn = 0;
    struct mf_why why;
    json_t *none = rows_of("{\"no\":\"array\"}");
    assert_int_equal(plot_all(none, scratch_of_test.path, count_drawn, &drawn, &why), MF_EINVAL);
    json_decref(none);
    json_t *rows = rows_of(
        "[1, null, {}, {\"bench\":3}, {\"bench\":\"cold\",\"subject\":\"\\u0007<b>\"},"
        "{\"bench\":\"cold\",\"subject\":\"runc\",\"metric\":\"cold_start\",\"p50\":\"fast\"},"
        "{\"bench\":\"burst\",\"subject\":\"runc\",\"metric\":\"last_answer@0\",\"p50\":-5},"
        "{\"bench\":\"memory\",\"subject\":\"runc\",\"metric\":\"pss_per_instance@\",\"p50\":1e308},"
        "{\"bench\":\"sweep\",\"subject\":\"runc\",\"metric\":\"requests_per_second@8\",\"p50\":0},"
        "{\"bench\":\"idle\",\"subject\":\"mayfly/kvm\",\"metric\":\"wakeups\",\"p50\":0}]");
    assert_int_equal(plot_all(rows, scratch_of_test.path, count_drawn, &drawn, &why), MF_OK);
    assert_int_equal(drawn, 5);
    json_decref(rows);
    struct mf_buf text = read_file("idle.svg");
    assert_null(strstr((char *)text.data, "nan"));
    assert_null(strstr((char *)text.data, "inf"));
    mf_buf_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithmic_axes_end_at_one_two_or_five),
        cmocka_unit_test(axes_without_values_are_axes),
        cmocka_unit_test(linear_axes_start_at_zero_and_have_round_steps),
        cmocka_unit_test(values_outside_are_put_at_the_edge),
        cmocka_unit_test(logarithmic_ticks_are_at_one_two_five_and_labels_keep_apart),
        cmocka_unit_test(more_decades_than_ticks_stay_in_bounds),
        cmocka_unit_test(numbers_are_short_and_grouped),
        cmocka_unit_test(text_cannot_leave_its_element),
        cmocka_unit_test(points_are_ordered_scaled_and_of_their_subject),
        cmocka_unit_test(an_alias_is_no_subject_of_its_own),
        cmocka_unit_test(strange_rows_are_passed_over),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
