/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User-space side of the mock framebuffer device, CONFIG_FB_DEFIO_MOCK.
 *
 * Functions that can fail return a negative errno value.
 */
#ifndef _SELFTESTS_FBDEV_MOCK_H
#define _SELFTESTS_FBDEV_MOCK_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../kselftest.h"

/*
 * For kselftest_harness.h: tests wait for events, and this is for those that never
 * come. An emulated machine on a busy host is many times slower than a real one.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define MOCK_DEBUGFS	"/sys/kernel/debug/fb_defio_mock"
#define MOCK_DRIVER	"/sys/bus/platform/drivers/fb_defio_mock"
#define MOCK_POISON	0xa5

struct mock {
	char name[64];
};

static inline int mock_write_file(const char *path, const char *text)
{
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);

	return ret;
}

/* Returns the number of bytes read; adds a terminating NUL in any case. */
static inline long mock_read_file(const char *path, char *buf, size_t size)
{
	size_t done = 0;
	ssize_t ret;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (done < size - 1) {
		ret = read(fd, buf + done, size - 1 - done);
		if (ret < 0) {
			ret = -errno;
			close(fd);
			return ret;
		}
		if (!ret)
			break;
		done += ret;
	}
	close(fd);
	buf[done] = '\0';

	return done;
}

static inline bool mock_is_available(void)
{
	return !access(MOCK_DEBUGFS "/create", W_OK);
}

/* @fmt: "key=value ..." as lib/tests/fb_defio_mock.c takes it */
__printf(2, 3)
static inline int mock_create(struct mock *mock, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int ret;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);

	ret = mock_write_file(MOCK_DEBUGFS "/create", line);
	if (ret)
		return ret;
	ret = mock_read_file(MOCK_DEBUGFS "/last", mock->name, sizeof(mock->name));
	if (ret < 0)
		return ret;
	mock->name[strcspn(mock->name, "\n")] = '\0';

	return 0;
}

static inline int mock_delete(const struct mock *mock)
{
	return mock_write_file(MOCK_DEBUGFS "/delete", mock->name);
}

static inline int mock_unbind(const struct mock *mock)
{
	return mock_write_file(MOCK_DRIVER "/unbind", mock->name);
}

static inline int mock_bind(const struct mock *mock)
{
	return mock_write_file(MOCK_DRIVER "/bind", mock->name);
}

/* To a file in the device's directory */
static inline int mock_write_number(const struct mock *mock, const char *file, size_t number)
{
	char path[160], text[32];

	snprintf(path, sizeof(path), MOCK_DEBUGFS "/%s/%s", mock->name, file);
	snprintf(text, sizeof(text), "%zu", number);

	return mock_write_file(path, text);
}

/* Replaces the memory with deferred I/O running */
static inline int mock_realloc(const struct mock *mock, size_t len)
{
	return mock_write_number(mock, "realloc", len);
}

/* Stops deferred I/O, replaces the memory, and starts it again */
static inline int mock_restart(const struct mock *mock, size_t len)
{
	return mock_write_number(mock, "restart", len);
}

static inline long mock_read(const struct mock *mock, const char *file, char *buf, size_t size)
{
	char path[160];

	snprintf(path, sizeof(path), MOCK_DEBUGFS "/%s/%s", mock->name, file);

	return mock_read_file(path, buf, size);
}

static inline long long mock_number(const struct mock *mock, const char *file)
{
	char buf[32];
	long ret;

	ret = mock_read(mock, file, buf, sizeof(buf));

	return ret < 0 ? ret : strtoll(buf, NULL, 10);
}

static inline long long mock_node(const struct mock *mock)
{
	return mock_number(mock, "node");
}

static inline long long mock_poison_lost(const struct mock *mock)
{
	return mock_number(mock, "poison_lost");
}

/* Of a file with lines "NAME VALUE": the value of that name, or a negative errno. */
static inline long long mock_value_in(const char *path, const char *name)
{
	char buf[512], *line, *save;
	size_t len = strlen(name);
	long ret;

	ret = mock_read_file(path, buf, sizeof(buf));
	if (ret < 0)
		return ret;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, name, len) && line[len] == ' ')
			return strtoll(line + len + 1, NULL, 10);
	}

	return -ENOENT;
}

static inline long long mock_stat(const struct mock *mock, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), MOCK_DEBUGFS "/%s/stats", mock->name);

	return mock_value_in(path, name);
}

/* Until it is told otherwise, the panel does not let the driver's callback return. */
static inline int mock_hold(const struct mock *mock, bool hold)
{
	return mock_write_number(mock, "hold", hold);
}

/* Waits until a callback is held so. It has taken the pages of its list. */
static inline int mock_wait_held(const struct mock *mock)
{
	long long ret = mock_number(mock, "held");

	return ret < 0 ? ret : 0;
}

static inline int mock_open(const struct mock *mock, int flags)
{
	long long node = mock_node(mock);
	char path[32];
	int fd;

	if (node < 0)
		return -ENODEV;
	snprintf(path, sizeof(path), "/dev/fb%lld", node);
	fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Number of pages in which the panel differs from what read() on @fd gives. */
static inline long mock_panel_diff(const struct mock *mock, int fd, size_t len)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	char *panel, *fb;
	long ret, diff = 0;
	size_t i, n;

	panel = malloc(len + 1);
	fb = malloc(len);
	if (!panel || !fb) {
		ret = -ENOMEM;
		goto out;
	}

	ret = mock_read(mock, "panel", panel, len + 1);
	if (ret < 0)
		goto out;
	if ((size_t)ret != len) {
		ret = -EIO;
		goto out;
	}

	for (i = 0; i < len; i += ret) {
		ret = pread(fd, fb + i, len - i, i);
		if (ret < 0) {
			ret = -errno;
			goto out;
		}
		if (!ret) {
			ret = -EIO;
			goto out;
		}
	}

	for (i = 0; i < len; i += page_size) {
		n = len - i < page_size ? len - i : page_size;
		if (memcmp(panel + i, fb + i, n)) {
			if (!diff)
				fprintf(stderr, "# panel differs first in page %zu\n",
					i / page_size);
			diff++;
		}
	}
	ret = diff;
out:
	free(panel);
	free(fb);
	return ret;
}

/* Page faults that this process has taken so far. */
static inline long mock_faults(void)
{
	struct rusage usage;

	/* The first call can take a fault itself, on the stack, and does not count it. */
	getrusage(RUSAGE_SELF, &usage);
	getrusage(RUSAGE_SELF, &usage);

	return usage.ru_minflt + usage.ru_majflt;
}

/*
 * Allocates and fills memory: if pages of a framebuffer have gone to the page
 * allocator, somebody gets them now. munmap() what this returns.
 */
static inline void *mock_press_memory(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem != MAP_FAILED)
		memset(mem, 0x5a, size);

	return mem;
}

/*
 * Accesses that may raise a signal
 */

struct mock_probe {
	sigjmp_buf env;
};

static __thread struct mock_probe *mock_probe;

static inline void mock_probe_handler(int sig)
{
	if (mock_probe)
		siglongjmp(mock_probe->env, sig);
	/* Not one of ours: let it kill the process when it is raised again. */
	signal(sig, SIG_DFL);
}

static inline void mock_probe_init(void)
{
	struct sigaction sa = { .sa_handler = mock_probe_handler };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

/* Returns the signal that reading a byte raises, or 0. */
static inline int mock_probe_read(const uint8_t *addr)
{
	struct mock_probe probe;
	int sig;

	sig = sigsetjmp(probe.env, 1);
	if (!sig) {
		mock_probe = &probe;
		__atomic_load_n(addr, __ATOMIC_SEQ_CST);
	}
	mock_probe = NULL;

	return sig;
}

/* Returns the signal that writing a byte raises, or 0. */
static inline int mock_probe_write(uint8_t *addr, uint8_t val)
{
	struct mock_probe probe;
	int sig;

	sig = sigsetjmp(probe.env, 1);
	if (!sig) {
		mock_probe = &probe;
		__atomic_store_n(addr, val, __ATOMIC_SEQ_CST);
	}
	mock_probe = NULL;

	return sig;
}

/*
 * Kernel log
 */

/* Reading starts with what is logged from now on. */
static inline int mock_kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return -errno;
	}

	return fd;
}

/* Number of messages by which the kernel complains; prints them. */
static inline int mock_kmsg_splats(int fd)
{
	static const char * const bad[] = {
		"BUG:", "WARNING:", "kernel BUG at", "Bad page", "Bad rss", "Oops:",
		"general protection", "corruption", "overwritten", "KASAN:",
		"possible circular locking", "possible recursive locking", "INFO: task",
		"ODEBUG:",
	};
	char buf[8192], *text;
	int splats = 0;
	ssize_t ret;
	size_t i;

	for (;;) {
		ret = read(fd, buf, sizeof(buf) - 1);
		if (ret < 0 && errno == EPIPE) /* overrun: goes on with the oldest */
			continue;
		if (ret <= 0)
			return splats;
		buf[ret] = '\0';
		text = strchr(buf, ';');
		text = text ? text + 1 : buf;
		text[strcspn(text, "\n")] = '\0';
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			if (strstr(text, bad[i])) {
				fprintf(stderr, "# kernel: %s\n", text);
				splats++;
				break;
			}
		}
	}
}

/* A thread that calls fsync() once */
struct flusher {
	pthread_t thread;
	int fd;
	int err;
};

static inline void *flusher_run(void *arg)
{
	struct flusher *flusher = arg;

	flusher->err = fsync(flusher->fd) ? errno : 0;

	return NULL;
}

/* For programs that repeat a run by its seed: SplitMix64 */
static inline uint64_t random_number(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;

	return z ^ (z >> 31);
}

/* TAP's word for a run that cannot begin or go on */
static inline void __noreturn __printf(1, 2) give_up(const char *fmt, ...)
{
	va_list ap;

	printf("Bail out! ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

#endif /* _SELFTESTS_FBDEV_MOCK_H */
