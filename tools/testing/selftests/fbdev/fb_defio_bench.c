// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what deferred I/O costs, on mock framebuffer devices.
 *
 *	fb_defio_bench page-backed|contiguous...
 *
 * The results are lines "KIND.key value". Kernels without FBINFO_KMEMFB break when
 * contiguous memory is mapped, so name page-backed alone there. All of it runs on
 * CPU 0 unless said otherwise; the machine needs two. A time is a multiple of that of a
 * plain anonymous page fault, which is measured just before (anon_ns, in ns), so that
 * figures of different boots can be compared. A quotient is that of two things measured
 * in turn. A figure is the median of several rounds, but flushes and 8192 writes are the
 * fastest of theirs: they take longer than a busy host leaves a guest alone. The devices
 * have no panel: what a driver would do is not measured.
 *
 * first-write-faults	page faults per page, first write through a new mapping of
 *			1024 pages (getrusage(), which counts hardware faults)
 * first-write-cost	time of that over the same on page-backed memory. Both include
 *			the stores
 * flush-1cpu		fsync() with 1024 dirty pages less fsync() with one, which cancels
 *			what waking the worker takes. Includes the handling of the page
 *			list. Each round has a new device, so no flush follows another
 *			closely; afterwards each page must fault again
 * flush-2cpu		the same while another thread runs on CPU 1
 * flush-sparse		as flush-1cpu with 64 pages, each 128th of 8192, less one
 * sorted-8192		time to write to 8192 pages of a new mapping in ascending order,
 *			sort_pagereflist set, over the same without
 * redraw-faults	page faults per frame when 1024 pages are filled every 16 ms, the
 *			delay is 10 ms, and half a second has passed
 * redraw-cpu		CPU time of filling a frame, less that of filling an untracked mapping
 *			after each, plus that of all kernel workers per frame, the mean of
 *			16 frames. Includes user-space time lost to TLB misses
 * redraw-frame		time to fill a frame, over the untracked mapping
 * idle-update		CPU time of all kernel workers from a write to two pages until
 *			the device has been idle again for long, delay 20 ms. Excludes the
 *			timer interrupt
 * stall-ms		longest single write, in ms: 4 threads on both CPUs, each writing to the
 *			pages of its quarter of 1024 with 1 ms of sleep in between, until
 *			the third flush has ended. A flush takes 100 ms, the delay is 20 ms.
 *			The median over new devices, less that of the same on an untracked
 *			mapping. A busy host makes both longer
 * bytes-per-page	memory taken by a device of 128 MiB less one of 32 MiB, less the same for
 *			devices without deferred I/O, per page: pages that have left
 *			the page allocator, so 4096 bytes are lost or won by rounding
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#include "mock.h"

#define MIB		1048576UL
#define PAGES		1024
#define SPARSE_PAGES	8192
#define SPARSE_STEP	128
#define NEVER_MS	600000	/* the worker never comes by itself */
#define FRAME_NS	16000000
#define CHUNK		64	/* pages, written to in less time than a host's time slice */
#define MAX_SAMPLES	1024
#define WRITERS		4

static size_t page_size;
static double anon_ns;

struct kind {
	const char *name, *mem;
};

static const struct kind kinds[] = {
	{ "page-backed", "vmalloc" },
	{ "contiguous", "dma_pages" },	/* from CMA, for any size */
};

struct fb {
	struct mock mock;
	int fd;
	uint8_t *map;
	size_t len;
};

/*
 * Statistics and clocks
 */

struct samples {
	double value[MAX_SAMPLES];
	unsigned int n;
};

static void add(struct samples *samples, double value)
{
	if (samples->n == MAX_SAMPLES)
		errx(2, "more than %u samples", MAX_SAMPLES);
	samples->value[samples->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct samples *samples)
{
	unsigned int n = samples->n;

	qsort(samples->value, n, sizeof(samples->value[0]), compare);

	return (samples->value[(n - 1) / 2] + samples->value[n / 2]) / 2;
}

/* For what takes longer than a host's time slice: all noise adds. */
static double least(struct samples *samples)
{
	median(samples);

	return samples->value[0];
}

static double clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		err(2, "clock_gettime");

	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static double now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

static void result(const struct kind *kind, const char *key, double value)
{
	printf("%s.%s %.4f\n", kind->name, key, value);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(2, "no CPU %d, which the benchmark needs", cpu);
}

/*
 * Devices
 */

static void fb_create(struct fb *fb, const struct kind *kind, unsigned int npages,
		      unsigned int delay_ms, const char *params)
{
	int ret;

	fb->len = npages * page_size;
	ret = mock_create(&fb->mock, "mem=%s len=%zu delay_ms=%u %s", kind->mem, fb->len,
			  delay_ms, params);
	if (ret)
		errx(2, "no %s device of %u pages: %s", kind->name, npages, strerror(-ret));
}

static void fb_delete(struct fb *fb)
{
	int ret = mock_delete(&fb->mock);

	if (ret)
		errx(2, "%s cannot be deleted: %s", fb->mock.name, strerror(-ret));
}

static void fb_map(struct fb *fb)
{
	fb->map = mmap(NULL, fb->len, PROT_READ | PROT_WRITE, MAP_SHARED, fb->fd, 0);
	if (fb->map == MAP_FAILED)
		err(2, "mmap of the framebuffer");
}

static void fb_unmap(struct fb *fb)
{
	munmap(fb->map, fb->len);
}

static void fb_open(struct fb *fb, const struct kind *kind, unsigned int npages,
		    unsigned int delay_ms, const char *params)
{
	fb_create(fb, kind, npages, delay_ms, params);
	fb->fd = mock_open(&fb->mock, O_RDWR);
	if (fb->fd < 0)
		errx(2, "%s cannot be opened: %s", fb->mock.name, strerror(-fb->fd));
	fb_map(fb);
}

static void fb_close(struct fb *fb)
{
	fb_unmap(fb);
	close(fb->fd);
	fb_delete(fb);
}

static void fb_open_untracked(struct fb *fb)
{
	fb_open(fb, &kinds[1], PAGES, 1, "untracked=1");
}

static void fb_sync(struct fb *fb)
{
	if (fsync(fb->fd))
		err(2, "fsync");
}

static void touch(uint8_t *map, unsigned int npages, unsigned int step)
{
	unsigned int i;

	for (i = 0; i < npages; i += step)
		__atomic_store_n(&map[i * page_size], 0xff, __ATOMIC_RELAXED);
}

/* The time for a page, measured for some pages at a time. */
static void touch_and_measure(uint8_t *map, unsigned int npages, struct samples *ns)
{
	unsigned int i;
	double start;

	for (i = 0; i < npages; i += CHUNK) {
		start = now();
		touch(map + i * page_size, CHUNK, 1);
		add(ns, (now() - start) / CHUNK);
	}
}

/*
 * CPU time of all kernel workers so far. They do not end while we measure: idle ones
 * stay for minutes. Their CPU clocks are those of any process.
 */
static double workers_ns(void)
{
	char path[300], name[32];
	struct dirent *entry;
	clockid_t clock;
	double sum = 0;
	pid_t pid;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		err(2, "/proc");
	while ((entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (mock_read_file(path, name, sizeof(name)) < 0 || strncmp(name, "kworker/", 8))
			continue;
		if (!clock_getcpuclockid(pid, &clock))
			sum += clock_ns(clock);
	}
	closedir(dir);
	if (!sum)
		errx(2, "no CPU time of any kworker in /proc");

	return sum;
}

/*
 * The yardstick
 */

static void measure_anon(void)
{
	struct samples samples = {};
	size_t len = PAGES * page_size;
	unsigned int i;
	uint8_t *map;

	for (i = 0; i < 31; i++) {
		map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map == MAP_FAILED || madvise(map, len, MADV_NOHUGEPAGE))
			err(2, "anonymous memory");
		touch_and_measure(map, PAGES, &samples);
		munmap(map, len);
	}
	anon_ns = median(&samples);
}

/*
 * Memory
 */

/* Pages that the page allocator has left, those in its per-CPU lists included. */
static double free_pages(void)
{
	static char buf[64 << 10];
	char *line, *save;
	long n;
	double sum = 0;

	/* Fold the CPUs' own counters into those that the file shows. */
	mock_write_file("/proc/sys/vm/stat_refresh", "1");
	if (mock_read_file("/proc/zoneinfo", buf, sizeof(buf)) <= 0)
		errx(2, "/proc/zoneinfo cannot be read");
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, " nr_free_pages %ld", &n) == 1 ||
		    sscanf(line, " count: %ld", &n) == 1)
			sum += n;
	}

	return sum;
}

static double device_bytes(const struct kind *kind, unsigned int npages, const char *params)
{
	double before, taken;
	struct fb fb;

	/* What the last device had is freed after an RCU grace period. */
	sleep_ms(100);
	before = free_pages();
	fb_create(&fb, kind, npages, NEVER_MS, params);
	taken = before - free_pages();
	fb_delete(&fb);

	return taken * page_size;
}

static void measure_bytes(const struct kind *kind)
{
	unsigned int few = 32 * MIB / page_size, many = 128 * MIB / page_size, i;
	struct samples samples = {};

	/* The first devices fill the kernel's slabs. */
	for (i = 0; i < 9; i++) {
		double tracked = device_bytes(kind, many, "") - device_bytes(kind, few, "");
		double untracked = device_bytes(kind, many, "untracked=1") -
				   device_bytes(kind, few, "untracked=1");

		if (i >= 2)
			add(&samples, (tracked - untracked) / (many - few));
	}
	result(kind, "bytes-per-page", median(&samples));
}

/*
 * First writes
 */

/* From now on, each page is written to for the first time. */
static void fb_remap(struct fb *fb)
{
	fb_unmap(fb);
	fb_sync(fb);
	fb_map(fb);
}

static void measure_first_write(const struct kind *kind)
{
	struct samples ns = {}, page_backed_ns = {}, faults = {};
	struct fb fb, page_backed;
	unsigned int i;
	long before;

	fb_open(&page_backed, &kinds[0], PAGES, NEVER_MS, "no_panel=1");
	fb_open(&fb, kind, PAGES, NEVER_MS, "no_panel=1");
	for (i = 0; i < 31; i++) {
		fb_remap(&page_backed);
		touch_and_measure(page_backed.map, PAGES, &page_backed_ns);
		fb_remap(&fb);
		before = mock_faults();
		touch_and_measure(fb.map, PAGES, &ns);
		add(&faults, (double)(mock_faults() - before) / PAGES);
	}
	fb_close(&fb);
	fb_close(&page_backed);
	result(kind, "first-write-faults", median(&faults));
	result(kind, "first-write-cost", median(&ns) / median(&page_backed_ns));
}

static void measure_sorted(const struct kind *kind)
{
	struct samples ns = {}, sorted_ns = {};
	struct fb fb, sorted;
	unsigned int i;
	double start;

	fb_open(&fb, kind, SPARSE_PAGES, NEVER_MS, "no_panel=1");
	fb_open(&sorted, kind, SPARSE_PAGES, NEVER_MS, "no_panel=1 sort=1");
	for (i = 0; i < 7; i++) {
		fb_remap(&fb);
		start = now();
		touch(fb.map, SPARSE_PAGES, 1);
		add(&ns, now() - start);
		fb_remap(&sorted);
		start = now();
		touch(sorted.map, SPARSE_PAGES, 1);
		add(&sorted_ns, now() - start);
	}
	fb_close(&sorted);
	fb_close(&fb);
	result(kind, "sorted-8192", least(&sorted_ns) / least(&ns));
}

/*
 * Flushes
 */

static double flush_ns(const struct kind *kind, unsigned int npages, unsigned int dirty,
		       unsigned int step)
{
	struct fb fb;
	double start;
	long faults;

	fb_open(&fb, kind, npages, NEVER_MS, "no_panel=1");
	touch(fb.map, dirty, step);
	start = now();
	fb_sync(&fb);
	start = now() - start;
	faults = mock_faults();
	touch(fb.map, dirty, step);
	faults = mock_faults() - faults;
	if (faults < (dirty + step - 1) / step)
		errx(1, "%s: fsync() has write-protected %ld pages of %u", kind->name, faults,
		     (dirty + step - 1) / step);
	fb_close(&fb);

	return start;
}

static void measure_flush(const struct kind *kind, const char *key, unsigned int npages,
			  unsigned int step)
{
	struct samples one = {}, all = {};
	unsigned int i;

	for (i = 0; i < 15; i++) {
		add(&one, flush_ns(kind, npages, 1, 1));
		add(&all, flush_ns(kind, npages, npages, step));
	}
	result(kind, key, (least(&all) - least(&one)) / anon_ns);
}

static bool running, stop;

static void *run_on_cpu1(void *unused)
{
	pin(1);
	__atomic_store_n(&running, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		;

	return NULL;
}

static void start_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	int ret = pthread_create(thread, NULL, fn, arg);

	if (ret)
		errx(2, "pthread_create: %s", strerror(ret));
}

static void measure_flushes(const struct kind *kind)
{
	pthread_t thread;

	measure_flush(kind, "flush-1cpu", PAGES, 1);
	measure_flush(kind, "flush-sparse", SPARSE_PAGES, SPARSE_STEP);

	start_thread(&thread, run_on_cpu1, NULL);
	while (!__atomic_load_n(&running, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	measure_flush(kind, "flush-2cpu", PAGES, 1);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/*
 * Animation
 */

/* Fills a frame, and measures that. */
static void fill(struct fb *fb, int c, struct samples *ns, struct samples *cpu_ns,
		 struct samples *faults)
{
	double start = now(), start_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	long before = mock_faults();

	memset(fb->map, c, fb->len);
	add(faults, mock_faults() - before);
	add(cpu_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_cpu);
	add(ns, now() - start);
}

static void wait_for(double *next)
{
	struct timespec ts;

	/* One that is late does not make the following ones come early. */
	*next += FRAME_NS;
	if (*next < now()) {
		*next = now();
		return;
	}
	ts.tv_sec = *next / 1e9;
	ts.tv_nsec = *next - ts.tv_sec * 1e9;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void measure_redraw(const struct kind *kind)
{
	struct samples ns = {}, cpu = {}, faults = {};
	struct samples plain_ns = {}, plain_cpu = {}, plain_faults = {}, workers_cpu = {};
	unsigned int i, warm_up = 32, frames = 160, block = 16;
	double next, workers, before = 0;
	struct fb fb, plain;

	fb_open_untracked(&plain);
	fb_open(&fb, kind, PAGES, 10, "no_panel=1");
	next = now();
	for (i = 0; i < warm_up + frames; i++) {
		if (i >= warm_up && i % block == 0) {
			workers = workers_ns();
			if (i > warm_up)
				add(&workers_cpu, (workers - before) / block);
			before = workers;
		}
		if (i == warm_up) {
			ns.n = 0;
			cpu.n = 0;
			faults.n = 0;
			plain_ns.n = 0;
			plain_cpu.n = 0;
		}
		wait_for(&next);
		fill(&fb, i, &ns, &cpu, &faults);
		fill(&plain, i, &plain_ns, &plain_cpu, &plain_faults);
	}
	if (median(&plain_faults))
		errx(1, "the untracked mapping is tracked: filling it takes faults");
	fb_close(&fb);
	fb_close(&plain);

	result(kind, "redraw-faults", median(&faults));
	result(kind, "redraw-cpu", (median(&cpu) - median(&plain_cpu) +
				    median(&workers_cpu)) / anon_ns);
	result(kind, "redraw-frame", median(&ns) / median(&plain_ns));
}

static void measure_idle_update(const struct kind *kind)
{
	struct samples samples = {};
	double start;
	struct fb fb;
	unsigned int i;

	fb_open(&fb, kind, PAGES, 20, "no_panel=1");
	for (i = 0; i < 21; i++) {
		start = workers_ns();
		touch(fb.map, 2, 1);
		sleep_ms(250);
		add(&samples, (workers_ns() - start) / anon_ns);
	}
	fb_close(&fb);
	result(kind, "idle-update", median(&samples));
}

/*
 * Writers and a slow panel
 */

struct writer {
	pthread_t thread;
	uint8_t *map;
	double longest;
};

static void *write_quarter(void *arg)
{
	struct writer *writer = arg;
	cpu_set_t both;
	unsigned int i = 0;
	double start, end;

	CPU_ZERO(&both);
	CPU_SET(0, &both);
	CPU_SET(1, &both);
	if (sched_setaffinity(0, sizeof(both), &both))
		err(2, "sched_setaffinity");
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		start = now();
		touch(writer->map + (i++ % (PAGES / WRITERS)) * page_size, 1, 1);
		end = now();
		if (end - start > writer->longest)
			writer->longest = end - start;
		sleep_ms(1);
	}

	return NULL;
}

/* The longest write until the third flush has ended, or during so many ms. */
static double longest_write(struct fb *fb, unsigned int *ms, bool flushes)
{
	struct writer writers[WRITERS] = {};
	double longest = 0, start = now();
	unsigned int i;

	stop = false;
	for (i = 0; i < WRITERS; i++) {
		writers[i].map = fb->map + i * (fb->len / WRITERS);
		start_thread(&writers[i].thread, write_quarter, &writers[i]);
	}
	if (!flushes)
		sleep_ms(*ms);
	while (flushes && mock_stat(&fb->mock, "flushes") < 3) {
		if (now() - start > 20e9)
			errx(1, "the device has had no three flushes in 20 s");
		sleep_ms(10);
	}
	*ms = (now() - start) / 1e6;
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		if (writers[i].longest > longest)
			longest = writers[i].longest;
	}

	return longest;
}

static void measure_stall(const struct kind *kind)
{
	struct samples tracked = {}, untracked = {};
	unsigned int i, ms;
	struct fb fb;

	for (i = 0; i < 9; i++) {
		fb_open(&fb, kind, PAGES, 20, "no_panel=1 panel_ms=100");
		add(&tracked, longest_write(&fb, &ms, true));
		fb_close(&fb);
		fb_open_untracked(&fb);
		add(&untracked, longest_write(&fb, &ms, false));
		fb_close(&fb);
	}
	result(kind, "stall-ms", (median(&tracked) - median(&untracked)) / 1e6);
}

/* In a process of its own, whose page tables no other CPU has seen. */
static void measure(void (*fn)(const struct kind *), const struct kind *kind)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(2, "fork");
	if (!pid) {
		measure_anon();
		fn(kind);
		printf("anon_ns %.1f\n", anon_ns);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(2, "waitpid");
	if (status)
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(int argc, char **argv)
{
	/* Memory first, while it is not fragmented. */
	static void (* const all[])(const struct kind *) = {
		measure_bytes, measure_first_write, measure_sorted, measure_flushes,
		measure_redraw, measure_idle_update, measure_stall,
	};
	unsigned int i, k;
	int arg;

	/* Each line is out before the next fork(), and when the kernel kills us. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	page_size = sysconf(_SC_PAGESIZE);

	if (argc < 2)
		errx(2, "usage: %s page-backed|contiguous...", argv[0]);
	if (!mock_is_available())
		errx(2, "no %s/create: mount debugfs, be root, set CONFIG_FB_DEFIO_MOCK",
		     MOCK_DEBUGFS);
	pin(0);
	/* Its worker would be taken for ours. */
	if (mock_write_file("/proc/sys/vm/stat_interval", "3600"))
		errx(2, "/proc/sys/vm/stat_interval cannot be written, be root");

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		for (arg = 1; arg < argc; arg++) {
			for (k = 0; k < ARRAY_SIZE(kinds); k++) {
				if (!strcmp(argv[arg], kinds[k].name))
					break;
			}
			if (k == ARRAY_SIZE(kinds))
				errx(2, "no kind of memory %s; use page-backed or contiguous",
				     argv[arg]);
			measure(all[i], &kinds[k]);
		}
	}

	return 0;
}
