/* Shifts the time of a program that preloads it (LD_PRELOAD): what every clock says, when waits end, and when files were
 * changed.
 *
 * The file CLOCK, /run/clock unless defined when this is compiled, holds pairs of 64-bit integers: from which time on, and
 * by how much, both in nanoseconds. It may grow while the program runs. Times before the first pair are not shifted, so a
 * program sees one calendar, in which each file was changed on the day on which it was. File times come from the kernel,
 * whose clock is not shifted; the Debian package `faketime` would leave the files of a whole month at one day.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOCK
#define CLOCK "/run/clock"
#endif

/* The kernel's waits do not see that the time is shifted: they are cut into pieces, after which it is read again. */
enum { PAIRS = 256, SECOND = 1000000000, MILLISECOND = 1000000, PIECE = 10 * MILLISECOND };
struct pair { int64_t from, by; };

/* Returns the shift at a time. */
static int64_t shift(int64_t at) {
    static const volatile struct pair *pairs;
    static const struct pair none[PAIRS];
    if (!pairs) {
        int file = open(CLOCK, O_RDONLY | O_CLOEXEC);
        void *shared = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0)
            close(file);
        pairs = shared == MAP_FAILED ? none : shared;
    }
    int64_t by = 0;
    for (int i = 0; i < PAIRS && pairs[i].from && pairs[i].from <= at; i++)
        by = pairs[i].by;
    return by;
}

static void add(struct timespec *time, int64_t by) {
    int64_t sum = time->tv_sec * (int64_t) SECOND + time->tv_nsec + by;
    time->tv_sec = sum / SECOND;
    time->tv_nsec = sum % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID)
        add(now, shift(INT64_MAX));
    return failed;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    (void) zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    to->tv_sec = now.tv_sec;
    to->tv_usec = now.tv_nsec / 1000;
    return 0;
}

static void shift_file_time(struct statx_timestamp *time) {
    int64_t at = time->tv_sec * (int64_t) SECOND + time->tv_nsec;
    at += shift(at);
    time->tv_sec = at / SECOND;
    time->tv_nsec = at % SECOND;
}

int statx(int dir, const char *restrict path, int flags, unsigned mask, struct statx *restrict to) {
    long failed = syscall(SYS_statx, dir, path, flags, mask, to);
    if (!failed) {
        shift_file_time(&to->stx_mtime);
        shift_file_time(&to->stx_ctime);
        shift_file_time(&to->stx_btime);
    }
    return (int) failed;
}

static int64_t monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t) SECOND + now.tv_nsec;
}

/* Rust waits with an absolute monotonic time. */
static long wait_for_futex(long (*real)(long, ...), const long a[6]) {
    const struct timespec *at = (const struct timespec *) a[3];
    int64_t until = at->tv_sec * (int64_t) SECOND + at->tv_nsec;
    for (;;) {
        int64_t end = monotonic() + PIECE;
        int is_last = end >= until;
        struct timespec piece = {0, 0};
        int64_t of_kernel = (is_last ? until : end) - shift(INT64_MAX);
        add(&piece, of_kernel > 0 ? of_kernel : 0);
        long failed = real(SYS_futex, a[0], a[1], a[2], &piece, a[4], a[5]);
        if (!failed || errno != ETIMEDOUT || is_last)
            return failed;
    }
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real)
        real = (long (*)(long, ...)) dlsym(RTLD_NEXT, "syscall");
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && a[3] && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET)
        return wait_for_futex(real, a);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout) {
    static int (*real)(int, struct epoll_event *, int, int);
    if (!real)
        real = (int (*)(int, struct epoll_event *, int, int)) dlsym(RTLD_NEXT, "epoll_wait");
    if (timeout <= 0)
        return real(epoll, events, most, timeout);
    int64_t until = monotonic() + timeout * (int64_t) MILLISECOND;
    for (;;) {
        int64_t left = until - monotonic();
        int is_last = left <= PIECE;
        int64_t piece = is_last ? (left > 0 ? left : 0) : PIECE;
        int number = real(epoll, events, most, (int) ((piece + MILLISECOND - 1) / MILLISECOND));
        if (number || is_last)
            return number;
    }
}
