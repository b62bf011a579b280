/* Times in microseconds, counted in buckets that are at most 1 % wide. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_FINE = 128, HISTOGRAM_BUCKETS = HISTOGRAM_FINE * 26 };

struct histogram {
    uint64_t count;
    uint64_t longest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static void histogram_add(struct histogram *histogram, uint64_t microseconds) {
    uint64_t index = microseconds;

    /* Below 128 a bucket is one microsecond; each doubling above has 128 buckets of its own. */
    if (microseconds >= HISTOGRAM_FINE) {
        unsigned doubling = (unsigned)(63 - __builtin_clzll(microseconds)) - 7;
        index = HISTOGRAM_FINE * (doubling + 1) + ((microseconds >> doubling) - HISTOGRAM_FINE);
    }
    if (index >= HISTOGRAM_BUCKETS) {
        index = HISTOGRAM_BUCKETS - 1;
    }
    histogram->buckets[index]++;
    histogram->count++;
    if (microseconds > histogram->longest) {
        histogram->longest = microseconds;
    }
}

/* The time that `share` (0 to 1) of the counted ones do not exceed; 0 when none was counted. */
static uint64_t histogram_quantile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)((double)histogram->count * share);
    uint64_t seen = 0;

    for (unsigned index = 0; index < HISTOGRAM_BUCKETS; index++) {
        seen += histogram->buckets[index];
        if (seen > wanted) {
            unsigned doubling = index / HISTOGRAM_FINE;
            if (doubling == 0) {
                return index;
            }
            return ((uint64_t)(index % HISTOGRAM_FINE) + HISTOGRAM_FINE) << (doubling - 1);
        }
    }
    return histogram->longest;
}

#endif
